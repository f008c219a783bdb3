"""The native builder: an instance that nobody can reach, worked on over SSM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.policies import poll

with workflow.unsafe.imports_passed_through():
    from activities.builders import BuilderRef, Builders
    from activities.images import EnsureImage, Images

if TYPE_CHECKING:
    from workflows.steps.baking import BakeSteps


class NativeBuilder:
    def __init__(self, do: BakeSteps) -> None:
        self._do = do
        self._instance = ""

    async def check(self) -> None:
        """There is nothing that it needs on the worker."""

    async def launch(self, security_group: str) -> None:
        async with self._do.making("instance", "builder"):
            self._instance = await self._do.launch(self._do.identity.base_image, security_group, "builder")
        await self._do.until_online(self._instance)

    async def copy(self) -> None:
        await self._do.run_phase(self._instance, "copy")

    async def pull(self) -> None:
        await self._do.run_phase(self._instance, "code")

    async def image(self) -> str:
        do, patience = self._do, self._do.stack.patience
        await do.do(
            Builders.stop_builder, BuilderRef(region=do.region, id=self._instance), poll(patience.confirm, patience.healthy),
            what="Stop it, so that its disk is at rest",
        )  # fmt: skip
        async with do.making("image", do.image_name):
            image: str = await do.do(
                Images.ensure_image,
                EnsureImage(region=do.region, name=do.image_name, instance=self._instance, release=do.release, tags=do.tags),
            )
        return image

    async def destroy(self) -> None:
        """The instance and the group are all that it made: each builder's bake destroys those."""
