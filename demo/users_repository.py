"""Which application the demo releases: the example, or the user's own repository."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from demo.example import Repository
from domain.names import slug


@dataclass(frozen=True)
class Application:
    """`tags` are released in order; `another` is a tag to try afterwards."""

    name: str
    repository: str
    tags: tuple[str, ...]
    another: str
    port: int
    health: str
    tells_its_version: bool


def example(repository: Repository) -> Application:
    for tag in ("v1", "v2", "v3"):
        repository.release(tag)
    repository.release("v4-sick", SICK="answers its health check with 503")
    return Application(
        "shop", repository.url, ("v1", "v2"), "v3", 8080, "/health", tells_its_version=True
    )


def read(repository: str, tag: str, earlier: str | None) -> Application:
    """
    The application of the user's repository, as the ovenbird.env of the tag describes it.

    Raises RuntimeError where the tag or the file does not exist.
    """
    path = Path(repository).expanduser()
    address = f"file://{path.resolve()}" if path.is_dir() else repository
    settings = _settings(address, tag)
    if "START" not in settings:
        raise RuntimeError(f"the ovenbird.env of {tag} has no START=…")
    return Application(
        slug(path.name.removesuffix(".git")).lower() or "app",
        address,
        (earlier, tag) if earlier else (tag,),
        tag,
        int(settings.get("PORT", "8080")),
        settings.get("HEALTH", "/health"),
        tells_its_version=False,
    )


def _settings(address: str, tag: str) -> dict[str, str]:
    """The lines NAME=value of the tag's ovenbird.env."""
    with tempfile.TemporaryDirectory() as directory:
        clone = ["git", "clone", "--quiet", "--depth", "1", "--branch", tag]
        done = subprocess.run(
            [*clone, "--", address, directory], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"cannot read the tag {tag} of {address}: {done.stderr.strip()}")
        file = Path(directory) / "ovenbird.env"
        if not file.exists():
            raise RuntimeError(
                f"{tag} of {address} has no ovenbird.env; README.md says what it must hold"
            )
        return dict(
            shlex.split(line)[0].split("=", 1)
            for line in file.read_text().splitlines()
            if re.match(r"[A-Z]+=", line)
        )
