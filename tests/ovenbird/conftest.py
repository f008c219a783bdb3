from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from demo.processes import ROOT


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def unpacked(wheel: Path) -> Path:
    directory = wheel.parent / "unpacked"
    zipfile.ZipFile(wheel).extractall(directory)
    return directory


@pytest.fixture
def site(unpacked: Path, tmp_path: Path) -> Path:
    """A site-packages directory in which Ovenbird's wheel is installed."""
    return Path(shutil.copytree(unpacked, tmp_path / "site-packages"))
