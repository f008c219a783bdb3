"""Packer as the builder: one run of it is sentences two to five, ticked as it gets there."""

from __future__ import annotations

import asyncio

from temporalio import workflow

from workflows.policies import foreign_process
from workflows.run import Run
from workflows.steps.temporary import INSTANCE, KEY_PAIR, Temporary

with workflow.unsafe.imports_passed_through():
    from activities.packer import Packer
    from activities.packer_files import PackerBuild
    from activities.provisioning import made_of
    from domain.bake import BakeFacts
    from domain.packer import Stage

# For the validation, which asks AWS nothing.
ANY_GROUP = "sg-00000000000000000"


class PackerBuilder:
    """
    Packer launches, provisions and makes the image by itself. The security group is ours, so that
    it admits this server alone.
    """

    def __init__(self, run: Run, facts: BakeFacts, temporary: Temporary) -> None:
        self._run = run
        self._facts = facts
        self._temporary = temporary
        self._stage = Stage.STARTED
        self._packer: asyncio.Task[str] | None = None

    def reached(self, stage: Stage) -> None:
        """The worker that runs Packer says so."""
        self._stage = stage

    async def check(self) -> None:
        """Before anything is made: is there a Packer, and does it accept the template?"""
        build = self._build(ANY_GROUP, self._facts.subnets[0])
        await self._run.do(Packer.validate_template, build, what="Does Packer accept the template?")

    async def launch(self, security_group: str) -> None:
        self._packer = asyncio.create_task(self._run_packer(security_group))
        await self._until(Stage.COPYING)

    async def copy(self) -> None:
        await self._until(Stage.PULLING)

    async def pull(self) -> None:
        await self._until(Stage.IMAGING)

    async def image(self) -> str:
        """Its id."""
        assert self._packer
        await self._until(None)
        return self._packer.result()

    async def _run_packer(self, security_group: str) -> str:
        """In the first subnet that has capacity."""
        facts, run = self._facts, self._run
        run.checklist.note(f"log: s3://{facts.stack.bake.artifacts_bucket}/{facts.log}/packer.log")
        timeouts = run.timeouts
        longest = timeouts.healthy + timeouts.provision + timeouts.image
        pace = foreign_process(timeouts.confirm, longest)
        async with (
            run.making(KEY_PAIR, facts.key_pair, foreign=True),
            run.making(INSTANCE, "builder", foreign=True),
            run.making("image", facts.image_name, foreign=True),
        ):
            return await self._temporary.where_there_is_capacity(
                lambda _, subnet: run.do(
                    Packer.run_packer, self._build(security_group, subnet), pace, what="Packer"
                )
            )

    async def _until(self, stage: Stage | None) -> None:
        """
        Until Packer is there, or has ended. Raises what it failed with. A cancel ends Packer too.
        """
        packer = self._packer
        assert packer
        try:
            await workflow.wait_condition(
                lambda: packer.done() or (stage is not None and self._stage >= stage)
            )
        except asyncio.CancelledError:
            packer.cancel()
            await asyncio.gather(packer, return_exceptions=True)
            raise
        if packer.done():
            packer.result()

    def _build(self, security_group: str, subnet: str) -> PackerBuild:
        facts, bake, identity = self._facts, self._facts.stack.bake, self._facts.identity
        return PackerBuild(
            region=facts.region,
            vpc=facts.stack.network.vpc,
            subnet=subnet,
            security_group=security_group,
            source_ami=identity.base_image,
            instance_type=facts.instance_type,
            profile=bake.profile or "",
            key_pair=facts.key_pair,
            image_name=facts.image_name,
            release=facts.owner,
            tag=identity.tag,
            commit=identity.commit,
            application=identity.application,
            repository=facts.stack.application.repository,
            dead_man_minutes=bake.dead_man_minutes,
            tags=facts.tags,
            settings=bake.packer,
            bucket=bake.artifacts_bucket,
            log=f"{facts.log}/packer.log",
            recipe=identity.recipe,
            made_of=made_of(facts.stack),
            manifest=facts.manifest,
            credential=facts.credential,
            poll=self._run.timeouts.poll,
            timeout=self._run.timeouts.image,
        )
