"""
`make histories`: saves a history of every workflow type and strategy, for the replay tests.

`python -m bench.histories [TARGET]` saves them in another directory. A bake with Packer needs the
command `packer`; without it, the history that TARGET has of one stays.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle

from bench import history_plays
from bench.history_plays import WITH_PACKER
from demo.processes import ROOT

TARGET = ROOT / "tests/workflows/histories"
# A replay needs none of these, and each says something about the machine that recorded it.
NOT_SAVED = ("stackTrace", "identity")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make histories", description=__doc__)
    parser.add_argument("target", nargs="?", type=Path, default=TARGET, help="default: %(default)s")
    target: Path = parser.parse_args().target
    random.seed(1)
    with tempfile.TemporaryDirectory(prefix="histories-") as directory:
        archive = Archive(Path(directory) / "recorded")
        asyncio.run(history_plays.record(Path(directory), archive.save))
        archive.replace(target)


class Archive:
    """A directory of histories. The target is touched only once all of them are recorded."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir()

    async def save(self, name: str, handle: WorkflowHandle[Any, Any]) -> None:
        history = await handle.fetch_history()
        anonymous = json.dumps(_anonymous(json.loads(history.to_json())))
        # Without a time in the file, the same history is the same file.
        compressed = gzip.compress(anonymous.encode(), mtime=0)
        (self._directory / f"{name}.json.gz").write_bytes(compressed)
        print(f"{name}: {len(history.events)} events, {len(compressed)} bytes")

    def replace(self, target: Path) -> None:
        """Removes what the target has from an earlier recording."""
        target.mkdir(parents=True, exist_ok=True)
        for path in target.glob("*.json.gz"):
            if path.name != f"{WITH_PACKER}.json.gz" or shutil.which("packer"):
                path.unlink()
        for path in self._directory.iterdir():
            shutil.copy(path, target)
        print(f"{len(list(target.glob('*.json.gz')))} histories are in {target}")
        if not shutil.which("packer"):
            kept = (target / f"{WITH_PACKER}.json.gz").exists()
            earlier = "the earlier one was kept" if kept else "there is none"
            print(f"{WITH_PACKER} was not recorded, for there is no packer on the PATH: {earlier}")


def _anonymous(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "" if key in NOT_SAVED else _anonymous(inner) for key, inner in value.items()}
    return [_anonymous(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
