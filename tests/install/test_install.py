"""The wheel in a fresh environment: `make install-check`, WITH=python3.13 for another one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from activities.recipe import Recipe, RecipeOf
from demo.processes import ROOT
from tests.ovenbird.conftest import wheel  # noqa: F401 (a fixture)

# What a fresh virtual environment may hold before anything is installed.
SEEDED = {"pip", "setuptools"}
RECIPE_HASH = """
from activities.recipe import Recipe, RecipeOf
from ovenbird.settings import Settings
print(Recipe(Settings().recipe).hash(RecipeOf(application="shop")))
"""


def run(*command: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH", "HOME"} | {name for name in os.environ if name.startswith("PIP_")}
    environment = {name: os.environ[name] for name in kept & os.environ.keys()}
    environment |= {"TEMPORAL_ADDRESS": "127.0.0.1:1"} | more
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def must(*command: str, cwd: Path) -> str:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """The directory of the commands of an environment in which Ovenbird is installed."""
    directory = tmp_path_factory.mktemp("fresh")
    python = os.environ.get("INSTALL_WITH") or sys.executable
    must(python, "-m", "venv", str(directory / "environment"), cwd=directory)
    commands = directory / "environment/bin"
    lock = str(ROOT / "requirements.lock")
    pip = (str(commands / "python"), "-m", "pip", "--disable-pip-version-check", "install")
    must(*pip, "--require-hashes", "--only-binary=:all:", "-r", lock, cwd=directory)
    must(*pip, "--no-index", str(wheel), cwd=directory)
    return commands


def test_it_brings_what_the_lock_names_and_no_more(fresh: Path, tmp_path: Path) -> None:
    listed = must(str(fresh / "pip"), "list", "--format=json", cwd=tmp_path)
    names = {package["name"].lower().replace("_", "-") for package in json.loads(listed)}
    installed = names - SEEDED
    lock = (ROOT / "requirements.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE))
    print(f"{len(installed)} packages")

    assert installed <= locked | {"ovenbird"}
    assert "ovenbird" in installed


def test_the_command_answers_from_another_directory(fresh: Path, tmp_path: Path) -> None:
    version = must(str(fresh / "ovenbird"), "--version", cwd=tmp_path)
    stacks = must(str(fresh / "ovenbird"), "stacks", cwd=tmp_path)

    assert re.fullmatch(r"ovenbird \d+\.\d+\.\d+\n", version)
    assert "production\tshop" in stacks


def test_the_worker_starts_as_far_as_it_can_without_a_temporal_server(
    fresh: Path, tmp_path: Path
) -> None:
    ended = run(str(fresh / "ovenbird-worker"), cwd=tmp_path)

    assert ended.returncode == 1
    assert "no Temporal server answers at 127.0.0.1:1" in ended.stderr


def test_images_baked_from_an_installation_and_from_a_checkout_are_the_same(
    fresh: Path, tmp_path: Path
) -> None:
    installed = must(str(fresh / "python"), "-c", RECIPE_HASH, cwd=tmp_path)

    assert installed.strip() == Recipe(ROOT / "packer").hash(RecipeOf(application="shop"))


def test_the_shell_completes_a_command(fresh: Path, tmp_path: Path) -> None:
    question = {"_OVENBIRD_COMPLETE": "complete_bash", "COMP_WORDS": "ovenbird rel"}
    answer = run(str(fresh / "ovenbird"), cwd=tmp_path, COMP_CWORD="1", **question)

    assert answer.stdout.split() == ["release"]
