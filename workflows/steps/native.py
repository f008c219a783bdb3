"""The native builder: an instance that nobody can reach, worked on over SSM."""

from __future__ import annotations

from temporalio import workflow

from workflows.policies import poll
from workflows.run import Run
from workflows.steps.over_ssm import OverSsm

with workflow.unsafe.imports_passed_through():
    from activities.builders import Builders
    from activities.images import EnsureImage, Images
    from domain.bake import BakeFacts


class NativeBuilder:
    def __init__(self, run: Run, facts: BakeFacts, instance: OverSsm) -> None:
        self._run = run
        self._facts = facts
        self._instance = instance

    async def check(self) -> None:
        """It needs nothing on the worker."""

    async def launch(self, security_group: str) -> None:
        await self._instance.start(self._facts.identity.base_image, security_group)

    async def copy(self) -> None:
        await self._instance.run_provisioner("copy", self._facts.identity.recipe)

    async def pull(self) -> None:
        await self._instance.run_provisioner("code", self._facts.identity.recipe)

    async def image(self) -> str:
        """Its id."""
        facts, timeouts, builder = self._facts, self._run.timeouts, self._instance.reference
        pace = poll(timeouts.confirm, timeouts.healthy)
        what = "Stop it, so that its disk is at rest"
        await self._run.do(Builders.stop_builder, builder, pace, what=what)
        ensure = EnsureImage(
            region=facts.region,
            name=facts.image_name,
            instance=builder.id,
            release=facts.owner,
            tags=facts.tags,
        )
        async with self._run.making("image", facts.image_name):
            image: str = await self._run.do(Images.ensure_image, ensure)
        return image
