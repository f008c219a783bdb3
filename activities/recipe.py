"""The recipe: scripts and files that make a base image into the application's. Its hash is part of what an image is."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

PARTS = ("agent.py", "provision", "files")


class Recipe:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def hash(self, *also: str) -> str:
        """Sixteen hexadecimal digits over every path, mode and content, and over whatever else decides the outcome."""
        total = hashlib.sha256("\x00".join(also).encode())
        for path in self._files():
            content = path.read_bytes()
            executable = path.stat().st_mode & 0o111 != 0
            total.update(f"{path.relative_to(self.directory)}\x00{executable}\x00{len(content)}\x00".encode() + content)
        return total.hexdigest()[:16]

    def bundle(self) -> bytes:
        """All of it as a tar.gz, without times and owners, so that equal recipes are equal bundles but for gzip's clock."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for path in self._files():
                tar.add(path, arcname=str(path.relative_to(self.directory)), filter=_anonymous)
        return buffer.getvalue()

    def _files(self) -> list[Path]:
        found = [path for part in PARTS for path in [self.directory / part, *(self.directory / part).rglob("*")]]
        return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info
