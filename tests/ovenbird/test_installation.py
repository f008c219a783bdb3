"""Ovenbird starts from its own files, and refuses to start from those of another distribution."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ovenbird.installation import OWN_ENVIRONMENT

NO_TEMPORAL = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}
FOREIGN = 'raise SystemExit("this file is not of Ovenbird")\n'


def start(site: Path, entry: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The entry point, from the wheel that is installed in `site`."""
    code = f"from ovenbird.entry import {entry}; {entry}()"
    return run([sys.executable, "-c", code, *arguments], site, cwd=site.parent)


def run(command: list[str], *path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OVENBIRD_")}
    environment |= NO_TEMPORAL | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def install_another(site: Path, file: str) -> None:
    """A distribution `pipelines` 2.0 that holds one file, which is written over what is there."""
    target = site / file
    target.parent.mkdir(exist_ok=True)
    target.write_text(FOREIGN)
    metadata = site / "pipelines-2.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: pipelines\nVersion: 2.0\n")
    (metadata / "RECORD").write_text(f"{file},,\npipelines-2.0.dist-info/RECORD,,\n")


def assert_refused(ended: subprocess.CompletedProcess[str], reason: str) -> None:
    assert ended.returncode == 1
    assert "ovenbird does not start" in ended.stderr
    assert reason in ended.stderr
    assert OWN_ENVIRONMENT in ended.stderr


def test_the_command_finds_the_default_stacks_file_in_the_wheel(site: Path) -> None:
    listed = start(site, "command", "stacks")

    assert listed.returncode == 0, listed.stderr
    assert "production\tshop\teu-west-1\t4 to 40\tyes" in listed.stdout


def test_the_worker_starts_as_far_as_it_can_without_a_temporal_server(site: Path) -> None:
    ended = start(site, "worker")

    assert ended.returncode == 1
    assert "no Temporal server answers at 127.0.0.1:1" in ended.stderr


def test_a_distribution_with_files_of_its_own_is_no_hindrance(site: Path) -> None:
    install_another(site, "pipelines/__init__.py")

    assert start(site, "command", "--version").returncode == 0


@pytest.mark.parametrize("entry", ["command", "worker"])
@pytest.mark.parametrize("file", ["workflows/__init__.py", "starter.py", "domain/names.py"])
def test_a_file_that_another_distribution_has_overwritten(
    site: Path, entry: str, file: str
) -> None:
    install_another(site, file)

    assert_refused(start(site, entry), f"pipelines 2.0 has installed {file} too")


def test_a_package_beside_a_module_of_the_same_name(site: Path) -> None:
    install_another(site, "worker/__init__.py")

    found = site / "worker/__init__.py"
    assert_refused(start(site, "worker"), f"`import worker` finds {found}")


def test_a_package_that_was_removed_with_another_distribution(site: Path) -> None:
    (site / "activities/__init__.py").unlink()
    # An editable installation of this checkout may be on the path too.
    ended = run(
        [sys.executable, "-S", "-c", "from ovenbird.entry import worker; worker()"],
        site,
        cwd=site.parent,
    )

    assert_refused(ended, "activities/__init__.py is missing")


@pytest.mark.parametrize("script", ["ovenbird", "ovenbird-worker"])
def test_a_package_that_hides_that_of_an_editable_installation(script: str, tmp_path: Path) -> None:
    hidden = tmp_path / "elsewhere/workflows/__init__.py"
    hidden.parent.mkdir(parents=True)
    hidden.write_text(FOREIGN)
    command = [str(Path(sys.executable).parent / script)]
    refused = run(command, tmp_path / "elsewhere", cwd=tmp_path)
    started = run(command, tmp_path / "nothing", cwd=tmp_path)

    assert_refused(refused, f"`import workflows` finds {hidden}")
    assert "does not start" not in started.stderr
