"""The differences between two images, from their manifests."""

from __future__ import annotations

from collections.abc import Mapping

from domain.bounded import LONGEST_NAME
from domain.models import Image, Model

# Temporal carries 2 MB in one piece: https://docs.temporal.io/cloud/limits.
SHOWN = 1_000


class Manifest(Model):
    """
    Versions of packages by name, and SHA-256 digests of files by path.

    packer/tools/manifest.py writes it on the builder.
    """

    packages: dict[str, str] = {}
    files: dict[str, str] = {}


class Change(Model):
    """`was` is empty for what is new, `now` for what is gone."""

    name: str
    was: str = ""
    now: str = ""


class Differences(Model):
    """
    `files` are by path: the application's and those of the recipe's configuration. Their values
    are SHA-256 digests, cut to 12 digits.

    `more` counts the changes beyond the first thousand of each kind.
    """

    packages: tuple[Change, ...] = ()
    files: tuple[Change, ...] = ()
    more: int = 0


class Diff(Differences):
    """And the commits between them, newest first."""

    was: Image
    now: Image
    commits: tuple[str, ...] = ()


def differences(was: Manifest, now: Manifest) -> Differences:
    """In the order of their names."""
    short_was, short_now = (
        {path: digest[:12] for path, digest in manifest.files.items()} for manifest in (was, now)
    )
    packages, files = _changes(was.packages, now.packages), _changes(short_was, short_now)
    more = max(0, len(packages) - SHOWN) + max(0, len(files) - SHOWN)
    return Differences(packages=packages[:SHOWN], files=files[:SHOWN], more=more)


def _changes(was: Mapping[str, str], now: Mapping[str, str]) -> tuple[Change, ...]:
    names = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
    return tuple(
        Change(
            name=name[:LONGEST_NAME],
            was=was.get(name, "")[:LONGEST_NAME],
            now=now.get(name, "")[:LONGEST_NAME],
        )
        for name in names
    )
