"""The native builder: an instance that nobody can reach, worked on over SSM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.policies import poll

with workflow.unsafe.imports_passed_through():
    from activities.builders import BuilderRef, Builders, LaunchBuilder
    from activities.images import EnsureImage, Images
    from activities.provisioning import CommandRef, Provisioning, StartProvisioner, made_of
    from domain import names

if TYPE_CHECKING:
    from workflows.steps.baking import BakeSteps


class OverSsm:
    """A temporary instance that admits nobody: `what` is it for?"""

    def __init__(self, do: BakeSteps, what: str) -> None:
        self._do, self._what = do, what
        self._instance = ""

    async def start(self, image: str, security_group: str, user_data: str = "") -> None:
        """In the first subnet that has capacity. Then until its SSM agent answers."""
        do, timeouts = self._do, self._do.stack.timeouts
        async with do.making("instance", self._what):
            self._instance = await do.where_there_is_capacity(
                lambda number, subnet: self._launch(
                    number, subnet, image, security_group, user_data
                )
            )
        await do.do(
            Builders.builder_online,
            BuilderRef(region=do.region, id=self._instance),
            poll(timeouts.confirm, timeouts.healthy),
            what="Wait until its SSM agent answers",
        )

    async def _launch(
        self, number: int, subnet: str, image: str, security_group: str, user_data: str
    ) -> str:
        do, bake = self._do, self._do.stack.bake
        return await do.do(
            Builders.launch_builder,
            LaunchBuilder(
                region=do.region,
                image=image,
                type=bake.instance_type or do.stack.instance.type,
                subnet=subnet,
                security_group=security_group,
                tags=do.tags,
                profile=bake.profile,
                dead_man_minutes=bake.dead_man_minutes,
                kms_key=bake.kms_key,
                user_data=user_data,
                # Another subnet is another launch: the same token with other parameters is refused.
                token=names.token(
                    do.release, self._what if number == 1 else f"{self._what} {number}"
                ),
            ),
        )

    async def run_provisioner(self, provisioner: str, recipe: str = "") -> None:
        """The recipe's scripts of that provisioner; a worker that takes over finds the command that runs. `recipe` is what they must be."""
        do, bake, identity, log = (
            self._do,
            self._do.stack.bake,
            self._do.identity,
            f"{self._do.log}/{provisioner}.log",
        )
        do.checklist.note(f"log: s3://{bake.artifacts_bucket}/{log}")
        timeouts = do.stack.timeouts
        command: str = await do.do(
            Provisioning.start_provisioner,
            StartProvisioner(
                region=do.region,
                instance=self._instance,
                provisioner=provisioner,
                token=names.token(do.release, provisioner),
                bucket=bake.artifacts_bucket,
                log=log,
                timeout=timeouts.provision,
                recipe=recipe,
                made_of=made_of(do.stack),
                manifest=do.manifest if provisioner == "code" else "",
                variables={
                    "OVENBIRD_APPLICATION": identity.application,
                    "OVENBIRD_REPOSITORY": do.stack.application.repository,
                    "OVENBIRD_TAG": identity.tag,
                    "OVENBIRD_COMMIT": identity.commit,
                    "OVENBIRD_CREDENTIAL": do.credential,
                },
            ),
            poll(timeouts.confirm, timeouts.healthy),
        )
        await do.do(
            Provisioning.provisioner_finished,
            CommandRef(
                region=do.region,
                instance=self._instance,
                id=command,
                provisioner=provisioner,
                bucket=bake.artifacts_bucket,
                log=log,
            ),
            poll(timeouts.confirm, timeouts.provision),
        )


class NativeBuilder(OverSsm):
    def __init__(self, do: BakeSteps) -> None:
        super().__init__(do, "builder")

    async def check(self) -> None:
        """There is nothing that it needs on the worker."""

    async def launch(self, security_group: str) -> None:
        await self.start(self._do.identity.base_image, security_group)

    async def copy(self) -> None:
        await self.run_provisioner("copy", self._do.identity.recipe)

    async def pull(self) -> None:
        await self.run_provisioner("code", self._do.identity.recipe)

    async def image(self) -> str:
        do, timeouts = self._do, self._do.stack.timeouts
        await do.do(
            Builders.stop_builder,
            BuilderRef(region=do.region, id=self._instance),
            poll(timeouts.confirm, timeouts.healthy),
            what="Stop it, so that its disk is at rest",
        )
        async with do.making("image", do.image_name):
            image: str = await do.do(
                Images.ensure_image,
                EnsureImage(
                    region=do.region,
                    name=do.image_name,
                    instance=self._instance,
                    release=do.release,
                    tags=do.tags,
                ),
            )
        return image

    async def destroy(self) -> None:
        """The instance and the group are all that it made: each builder's bake destroys those."""
