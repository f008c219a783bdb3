"""What the wheel carries, and what the two locks pin."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from demo.processes import ROOT

PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / lock).read_text()))


@pytest.mark.parametrize(
    "file",
    [
        *(f"{package}/py.typed" for package in ("activities", "console", "domain", "workflows")),
        "deploy/stacks.toml",
        "deploy/iam/worker.json",
        "deploy/ovenbird-worker.service",
        "packer/ovenbird.pkr.hcl",
        "packer/provision/code/10-pull.sh",
    ],
)
def test_the_wheel_carries(wheel: Path, file: str) -> None:
    assert file in zipfile.ZipFile(wheel).namelist()


def test_the_wheel_carries_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (licence,) = (name for name in archive.namelist() if name.endswith("licenses/LICENSE"))

        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_production_and_tests_run_with_the_same_versions() -> None:
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")

    assert runtime.items() < development.items()


def test_the_runtime_lock_pins_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[^a-z0-9-]", line, maxsplit=1)[0] for line in project["dependencies"]}

    assert names <= pins("requirements.lock").keys()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_has_hashes_and_names_no_registry(lock: str) -> None:
    text = (ROOT / lock).read_text()
    packages = re.split(r"\n(?=\S)", text)

    assert not [package for package in packages if "==" in package and "--hash" not in package]
    assert "://" not in text
