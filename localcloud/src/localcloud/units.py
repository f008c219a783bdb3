"""Enabled systemd units of a disk, as far as a service needs them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

WANTED = Path("etc/systemd/system/multi-user.target.wants")
# Quoted as a shell would, or plain:
# https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=
_ASSIGNED = re.compile(
    r'^([A-Za-z_]\w*)=(?:"((?:[^"\\]|\\.)*)"|([^\n]*))$', re.MULTILINE | re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Unit:
    """The [Service] part of a unit, on the disk `root`; a key may come several times."""

    def __init__(self, root: Path, lines: list[tuple[str, str]]) -> None:
        self._root = root
        self._lines = lines

    @classmethod
    def read(cls, root: Path, path: Path) -> Unit:
        section, lines = "", []
        for line in path.read_text().splitlines():
            key, equals, value = line.partition("=")
            if line.startswith("["):
                section = line.strip()
            elif equals and section == "[Service]" and not line.startswith(("#", ";")):
                lines.append((key.strip(), value.strip()))
        return cls(root, lines)

    @property
    def directory(self) -> Path:
        return self._root / self._one("WorkingDirectory", "/").lstrip("/")

    @property
    def commands_before(self) -> list[list[str]]:
        return [self._words(line) for line in self._all("ExecStartPre")]

    @property
    def command(self) -> list[str]:
        return self._words(self._one("ExecStart", "false"))

    @property
    def variables(self) -> dict[str, str]:
        """Of the unit itself and of its environment files."""
        pairs = [pair for line in self._all("Environment") for pair in shlex.split(line)]
        for file in self._all("EnvironmentFile"):
            path = self._root / file.lstrip("-").lstrip("/")
            if path.exists():
                pairs += [
                    name + "=" + (_ESCAPED.sub(r"\1", quoted) or plain)
                    for name, quoted, plain in _ASSIGNED.findall(path.read_text())
                ]
        return dict(pair.split("=", 1) for pair in pairs)

    def _all(self, key: str) -> list[str]:
        return [value for name, value in self._lines if name == key]

    def _one(self, key: str, default: str) -> str:
        return (self._all(key) or [default])[-1]

    def _words(self, line: str) -> list[str]:
        """A word that names something on this disk means that."""
        return [self._on_disk(word) for word in shlex.split(line.lstrip("+-!@:"))]

    def _on_disk(self, word: str) -> str:
        path = self._root / word.lstrip("/")
        return str(path) if word.startswith("/") and path.exists() else word


def enabled_units(root: Path) -> Iterator[Unit]:
    for path in sorted((root / WANTED).glob("*.service")):
        target = path if path.exists() else root / str(path.readlink()).lstrip("/")
        yield Unit.read(root, target)
