"""Packer as the builder: one run of it is sentences two to five, ticked as it gets there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.policies import foreign_process, poll_certainly

with workflow.unsafe.imports_passed_through():
    from activities.builders import BuilderRef, Builders
    from activities.packer import Packer
    from activities.packer_files import PackerBuild
    from activities.provisioning import made_of
    from domain import names
    from domain.packer import Stage

if TYPE_CHECKING:
    from workflows.steps.baking import BakeSteps

ANY_GROUP = "sg-00000000000000000"


class PackerBuilder:
    """It launches, provisions and images by itself; the security group is ours, so that it admits this server alone."""

    def __init__(self, do: BakeSteps) -> None:
        self._do = do
        self.stage = Stage.STARTED
        self._run: asyncio.Task[str] | None = None
        self._key_pair = names.bake_key_pair(do.identity.application, do.release)

    async def check(self) -> None:
        """Before anything is made: is there a packer, and does it like the template?"""
        await self._do.do(
            Packer.validate_template,
            self._build(ANY_GROUP, self._do.subnets[0]),
            what="Does Packer accept the template?",
        )

    async def launch(self, security_group: str) -> None:
        self._run = asyncio.create_task(self._packer(security_group))
        await self._until(Stage.COPYING)

    async def copy(self) -> None:
        await self._until(Stage.PULLING)

    async def pull(self) -> None:
        await self._until(Stage.IMAGING)

    async def image(self) -> str:
        assert self._run
        await self._until(None)
        return self._run.result()

    async def destroy(self) -> None:
        """What Packer itself makes beside the instance."""
        await self._do.certainly(
            Builders.delete_key_pair,
            BuilderRef(region=self._do.region, id=self._key_pair),
            poll_certainly(self._do.stack.timeouts.confirm, self._do.way_back),
            what="Delete the key pair",
        )
        if ("key pair", self._key_pair) in self._do.ledger:
            self._do.gone("key pair", self._key_pair)

    async def _packer(self, security_group: str) -> str:
        """In the first subnet that has capacity."""
        do, timeouts = self._do, self._do.stack.timeouts
        do.checklist.note(f"log: s3://{do.stack.bake.artifacts_bucket}/{do.log}/packer.log")
        name = do.image_name
        async with (
            do.making("key pair", self._key_pair, foreign=True),
            do.making("instance", "builder", foreign=True),
            do.making("image", name, foreign=True),
        ):
            return await do.where_there_is_capacity(
                lambda _, subnet: do.do(
                    Packer.run_packer,
                    self._build(security_group, subnet),
                    foreign_process(
                        timeouts.confirm, timeouts.healthy + timeouts.provision + timeouts.image
                    ),
                    what="Packer",
                )
            )

    async def _until(self, stage: Stage | None) -> None:
        """Until the run is there, or over. Raises what it failed with; a cancel takes the run with it."""
        run = self._run
        assert run
        try:
            await workflow.wait_condition(
                lambda: run.done() or (stage is not None and self.stage >= stage)
            )
        except asyncio.CancelledError:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            raise
        if run.done():
            run.result()

    def _build(self, security_group: str, subnet: str) -> PackerBuild:
        do, bake, identity = self._do, self._do.stack.bake, self._do.identity
        return PackerBuild(
            region=do.region,
            vpc=do.stack.network.vpc,
            subnet=subnet,
            security_group=security_group,
            source_ami=identity.base_image,
            instance_type=bake.instance_type or do.stack.instance.type,
            profile=bake.profile or "",
            key_pair=self._key_pair,
            image_name=do.image_name,
            release=do.release,
            tag=identity.tag,
            commit=identity.commit,
            application=identity.application,
            repository=do.stack.application.repository,
            dead_man_minutes=bake.dead_man_minutes,
            tags=do.tags,
            settings=bake.packer,
            bucket=bake.artifacts_bucket,
            log=f"{do.log}/packer.log",
            recipe=identity.recipe,
            made_of=made_of(do.stack),
            manifest=do.manifest,
            credential=do.credential,
            poll=do.stack.timeouts.poll,
            timeout=do.stack.timeouts.image,
        )
