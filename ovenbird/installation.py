"""What is installed, and whether every package that Python would import is Ovenbird's own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

NAME = "ovenbird"
# In a checkout the checkout, and after an installation the site-packages directory.
ROOT = Path(__file__).resolve().parent.parent
# Other distributions may use these names too; `ovenbird` itself is ours alone.
MODULES = (
    "activities/__init__.py",
    "console/__init__.py",
    "domain/__init__.py",
    "workflows/__init__.py",
    "starter.py",
    "worker.py",
)
OWN_ENVIRONMENT = (
    "Ovenbird is an application for an environment of its own:"
    " install it with `pipx install` or `uv tool install`."
)


def version() -> str:
    """The installed version; a checkout that was never installed has none."""
    try:
        return distribution(NAME).version
    except PackageNotFoundError:
        return "(not installed)"


def refuse_foreign_files() -> None:
    """Exit with 1 where another distribution has overwritten or hidden a package of Ovenbird."""
    found = [*_hidden_modules(), *_shared_files()]
    if found:
        lines = "\n".join(f"  {line}" for line in found)
        sys.exit(
            "ovenbird does not start: another distribution has overwritten, hidden or removed"
            f" its files:\n{lines}\n{OWN_ENVIRONMENT}"
        )


def _hidden_modules() -> Iterator[str]:
    """Modules that Python would import from another place than this file's."""
    for file in MODULES:
        name = Path(file).parts[0].removesuffix(".py")
        spec = importlib.util.find_spec(name)
        origin = spec.origin if spec else None
        if origin is None:
            yield f"{file} is missing"
        elif Path(origin).resolve() != ROOT / file:
            yield f"`import {name}` finds {origin}"


def _shared_files() -> Iterator[str]:
    """Files that another distribution of the same directory has installed too."""
    try:
        ovenbird = distribution(NAME)
    except PackageNotFoundError:
        return
    own_files = _recorded_files(ovenbird)
    for other in distributions(path=[str(ovenbird.locate_file(""))]):
        shared = sorted(own_files & _recorded_files(other))
        if shared and other.name != ovenbird.name:
            more = f" and {len(shared) - 1} more" if shared[1:] else ""
            yield f"{other.name} {other.version} has installed {shared[0]}{more} too"


def _recorded_files(of: Distribution) -> set[str]:
    """Read as text: `Distribution.files` builds an object a file, which takes ten times as long."""
    record = of.read_text("RECORD") or ""
    return {line.split(",", 1)[0] for line in record.splitlines()}
