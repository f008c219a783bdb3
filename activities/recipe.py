"""The recipe: the scripts and files that turn a base image into the application's image."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from domain.errors import InvalidRequest
from domain.models import Model

PARTS = ("agent.py", "provision", "files", "tools")
# An application's own scripts and files replace those of the same path.
APPLICATIONS = "applications"
TEMPLATE = ".j2"


class RecipeOf(Model):
    """
    `values` render the templates.

    `also` are further inputs of the bake that its result depends on.
    """

    application: str
    values: dict[str, str] = {}
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    path: str
    content: bytes
    executable: bool


class Recipe:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def hash(self, recipe: RecipeOf) -> str:
        """
        Sixteen hexadecimal digits over every path, mode and content, and over `also`.

        Raises InvalidRequest where a configuration file cannot be rendered.
        """
        total = hashlib.sha256("\x00".join(recipe.also).encode())
        for part in self.parts(recipe):
            total.update(
                f"{part.path}\x00{part.executable}\x00{len(part.content)}\x00".encode()
                + part.content
            )
        return total.hexdigest()[:16]

    def bundle(self, recipe: RecipeOf) -> bytes:
        """A tar.gz without times and owners: bundles of a recipe differ in gzip's time only."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for part in self.parts(recipe):
                info = tarfile.TarInfo(part.path)
                info.size, info.mode = len(part.content), 0o755 if part.executable else 0o644
                tar.addfile(info, io.BytesIO(part.content))
        return buffer.getvalue()

    def parts(self, recipe: RecipeOf) -> list[Part]:
        """Sorted by path. A file that ends in .j2 is rendered, and loses that ending."""
        laid = {
            part.path: part
            for root in (self.directory, self.directory / APPLICATIONS / recipe.application)
            for part in _read(root)
        }
        rendered = [
            self._rendered(part, recipe) if part.path.endswith(TEMPLATE) else part
            for part in laid.values()
        ]
        return sorted(rendered, key=lambda part: part.path)

    @staticmethod
    def _rendered(part: Part, recipe: RecipeOf) -> Part:
        environment = SandboxedEnvironment(
            undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
        )
        try:
            text = environment.from_string(part.content.decode()).render(
                recipe.values | {"application": recipe.application}
            )
        except (TemplateError, UnicodeDecodeError) as error:
            known = json.dumps(sorted({"application", *recipe.values}))
            raise InvalidRequest(
                f"the recipe's {part.path} cannot be rendered for {recipe.application}: {error}; "
                f"bake.values and the application's name give {known}"
            ) from None
        return Part(part.path.removesuffix(TEMPLATE), text.encode(), part.executable)


def _read(root: Path) -> Iterator[Part]:
    for path in (path for part in PARTS for path in [root / part, *(root / part).rglob("*")]):
        if path.is_file() and "__pycache__" not in path.parts:
            yield Part(
                str(path.relative_to(root)), path.read_bytes(), path.stat().st_mode & 0o111 != 0
            )
