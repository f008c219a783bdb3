"""The native builder: an instance that nobody can reach, worked on over SSM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.policies import poll

with workflow.unsafe.imports_passed_through():
    from activities.builders import BuilderRef, Builders, LaunchBuilder
    from activities.images import EnsureImage, Images
    from activities.provisioning import CommandRef, Provisioning, StartPhase, made_of
    from domain import names

if TYPE_CHECKING:
    from workflows.steps.baking import BakeSteps


class NativeBuilder:
    def __init__(self, do: BakeSteps) -> None:
        self._do = do
        self._instance = ""

    async def check(self) -> None:
        """There is nothing that it needs on the worker."""

    async def launch(self, security_group: str) -> None:
        """In the first subnet that has capacity. Then until its SSM agent answers."""
        do, patience = self._do, self._do.stack.patience
        async with do.making("instance", "builder"):
            self._instance = await do.where_there_is_capacity(lambda number, subnet: self._launch(number, subnet, security_group))
        await do.do(
            Builders.builder_online, BuilderRef(region=do.region, id=self._instance), poll(patience.confirm, patience.healthy),
            what="Wait until its SSM agent answers",
        )  # fmt: skip

    async def _launch(self, number: int, subnet: str, security_group: str) -> str:
        do, bake = self._do, self._do.stack.bake
        return await do.do(
            Builders.launch_builder,
            LaunchBuilder(
                region=do.region, image=do.identity.base_image, type=bake.instance_type or do.stack.instance.type, subnet=subnet,
                security_group=security_group, tags=do.tags, profile=bake.profile, dead_man_minutes=bake.dead_man_minutes,
                # Another subnet is another launch: the same token with other parameters is refused.
                token=names.token(do.release, "builder" if number == 1 else f"builder {number}"),
            ),
        )  # fmt: skip

    async def copy(self) -> None:
        await self._run_phase("copy")

    async def pull(self) -> None:
        await self._run_phase("code")

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

    async def _run_phase(self, phase: str) -> None:
        do, bake, identity, log = self._do, self._do.stack.bake, self._do.identity, f"{self._do.log}/{phase}.log"
        do.checklist.note(f"log: s3://{bake.artifacts_bucket}/{log}")
        patience = do.stack.patience
        command: str = await do.do(
            Provisioning.start_phase,
            StartPhase(
                region=do.region, instance=self._instance, phase=phase, token=names.token(do.release, phase), bucket=bake.artifacts_bucket,
                log=log, timeout=patience.provision, recipe=identity.recipe, made_of=made_of(do.stack), manifest=do.manifest if phase == "code" else "",
                variables={
                    "OVENBIRD_APPLICATION": identity.application, "OVENBIRD_REPOSITORY": do.stack.application.repository,
                    "OVENBIRD_TAG": identity.tag, "OVENBIRD_COMMIT": identity.commit, "OVENBIRD_CREDENTIAL": do.credential,
                },
            ),
            poll(patience.confirm, patience.healthy),
        )  # fmt: skip
        await do.do(
            Provisioning.phase_finished,
            CommandRef(region=do.region, instance=self._instance, id=command, phase=phase, bucket=bake.artifacts_bucket, log=log),
            poll(patience.confirm, patience.provision),
        )
