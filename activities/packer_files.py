"""The directory in which Packer runs: template, bundle, variables and environment."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any, Self

from activities.recipe import Recipe, RecipeOf
from domain.errors import InvalidRequest
from domain.models import Model
from domain.packer import variables
from domain.sections import PackerSettings

# No news from the vendor, and no colours.
QUIET = {"CHECKPOINT_DISABLE": "1", "PACKER_NO_COLOR": "1"}


class PackerBuild(Model):
    """
    The input of one run of Packer.

    The scalars are the template's variables, under these names. `tags` is a map for an HCL
    template. `poll` and `timeout` are in seconds: the interval between polls of the image, and the
    duration of all of them. `log` and `manifest` are keys in `bucket`.
    """

    region: str
    vpc: str
    subnet: str
    security_group: str
    source_ami: str
    instance_type: str
    profile: str
    key_pair: str
    image_name: str
    release: str
    tag: str
    commit: str
    application: str
    repository: str
    credential: str
    dead_man_minutes: int
    tags: dict[str, str]
    settings: PackerSettings
    bucket: str
    log: str
    recipe: str
    made_of: RecipeOf
    manifest: str
    poll: float
    timeout: float


def hash_with_template(recipe: Recipe, made_of: RecipeOf, settings: PackerSettings) -> str:
    """The recipe's hash where Packer is the builder: it covers the template too."""
    return recipe.hash(
        made_of.model_copy(update={"also": (*made_of.also, _digest(recipe, settings))})
    )


def _digest(recipe: Recipe, settings: PackerSettings) -> str:
    path = _template(recipe, settings)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InvalidRequest(
            f"the Packer template {path} cannot be read on this worker: {error.strerror}"
        ) from None


def _template(recipe: Recipe, settings: PackerSettings) -> Path:
    return Path(settings.template) if settings.template else recipe.directory / "ovenbird.pkr.hcl"


class Directory:
    """The directory in which Packer runs, with the recipe's bundle. It is removed afterwards."""

    def __init__(self, recipe: Recipe, request: PackerBuild) -> None:
        self._recipe, self._request = recipe, request
        self.template = _template(recipe, request.settings)

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory(prefix="ovenbird-packer-")
        self.path = Path(self._temporary.name)
        self.manifest = self.path / "manifest.json"
        (self.path / "recipe.tar.gz").write_bytes(self._recipe.bundle(self._request.made_of))
        if self.template.suffix == ".json":
            (self.path / "variables.json").write_text(json.dumps(self._variables()))
        return self

    def __exit__(self, *error: object) -> None:
        self._temporary.cleanup()

    def command(self, verb: str) -> list[str]:
        """
        Packer accepts undeclared variables for a JSON template from a file only.

        For an HCL template it accepts them from the environment.
        """
        given = (
            [f"-var-file={self.path / 'variables.json'}"] if self.template.suffix == ".json" else []
        )
        watched = ["-machine-readable"] if verb == "build" else []
        return ["packer", verb, *watched, *given, str(self.template)]

    def environment(self) -> dict[str, str]:
        request = self._request
        # Packer polls the image by itself, in whole seconds.
        pause = max(1, math.ceil(request.poll))
        waiting = {
            "AWS_POLL_DELAY_SECONDS": str(pause),
            "AWS_MAX_ATTEMPTS": str(math.ceil(request.timeout / pause)),
        }
        # AWS's logs then name Ovenbird as the caller, as for our own calls.
        if application := os.environ.get("AWS_SDK_UA_APP_ID"):
            waiting["AWS_EXECUTION_ENV"] = application
        given = {f"PKR_VAR_{name}": value for name, value in self._variables().items()}
        return os.environ | QUIET | waiting | given | {"PKR_VAR_tags": json.dumps(request.tags)}

    def _variables(self) -> dict[str, str]:
        request, settings = self._request, self._request.settings
        known: dict[str, Any] = {
            name: getattr(request, name) for name in type(request).model_fields
        } | {
            "bundle": str(self.path / "recipe.tar.gz"),
            "manifest": str(self.manifest),
            "ssh_user": settings.user,
            "ssh_interface": f"{settings.reach}_ip",
            "endpoint": os.environ.get("AWS_ENDPOINT_URL_EC2")
            or os.environ.get("AWS_ENDPOINT_URL")
            or "",
        }
        return variables(known, more=settings.variables)
