"""Sentences two to five of a bake, whichever builder carries them out."""

from __future__ import annotations

from typing import Protocol

from temporalio import workflow

from workflows.checklist import sentence
from workflows.policies import poll
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from activities.images import ImageRef, Images
    from domain.bake import BakeFacts
    from domain.models import Image

CREATE_IMAGE = "Create an AMI from it"


class Builder(Protocol):
    async def check(self) -> None:
        """Before anything is made: has the worker what the builder needs? Raises InvalidRequest."""

    async def launch(self, security_group: str) -> None: ...

    async def copy(self) -> None: ...

    async def pull(self) -> None: ...

    async def image(self) -> str:
        """The id of the image."""


class Building:
    def __init__(self, run: Run, facts: BakeFacts, builder: Builder) -> None:
        self.run = run
        self._facts = facts
        self._builder = builder

    async def check(self) -> None:
        """Before anything is made. Raises the failure of a builder that cannot work."""
        await self._builder.check()

    @sentence("Launch a temporary instance into the VPC, in that group", phase="baking")
    async def launch_instance(self, security_group: str) -> None:
        await self._builder.launch(security_group)

    @sentence("Copy the configuration files onto it", phase="baking")
    async def copy_configuration_files(self) -> None:
        await self._builder.copy()

    @sentence("Pull the tag's code from GitHub", phase="baking")
    async def pull_code(self) -> None:
        await self._builder.pull()

    @sentence(CREATE_IMAGE, phase="baking", continued=True)
    async def create_image(self) -> Image:
        """Available."""
        image = await self._builder.image()
        made = ImageRef(
            region=self._facts.region,
            id=image,
            visible_by=self.run.visible_by("image", self._facts.image_name),
        )
        pace = poll(self.run.timeouts.poll, self.run.timeouts.image)
        what = "Wait until it is available"
        available: Image = await self.run.do(Images.image_available, made, pace, what=what)
        return available
