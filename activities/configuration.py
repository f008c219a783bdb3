"""The stacks file, as the worker has it."""

from __future__ import annotations

from pathlib import Path

from temporalio import activity

from domain.config import Stack
from domain.errors import InvalidConfiguration
from domain.stacks_file import parse, pick


def read_stacks(path: Path) -> dict[str, Stack]:
    """Raises InvalidConfiguration with every mistake in the file, or where it cannot be read."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(
            f"cannot read the stacks file {path}: {error}; set OVENBIRD_STACKS to where it is"
        ) from None
    return parse(text, str(path))


class Configuration:
    def __init__(self, path: Path) -> None:
        self._path = path

    @activity.defn
    def list_stacks(self, _: None) -> list[str]:
        return sorted(read_stacks(self._path))

    @activity.defn
    def read_stack(self, name: str) -> Stack:
        """The stack as it is configured now; what a release uses is recorded in its history."""
        return pick(read_stacks(self._path), name)
