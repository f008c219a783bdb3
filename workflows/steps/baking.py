"""The six sentences of a bake."""

from __future__ import annotations

from typing import Literal

from temporalio import workflow

from workflows.checklist import step
from workflows.operator import Operator
from workflows.policies import poll, poll_certainly
from workflows.steps.base import Steps

with workflow.unsafe.imports_passed_through():
    from activities.builders import BuilderRef, Builders, EnsureSecurityGroup, LaunchBuilder, OfRelease
    from activities.images import DiscardImage, EnsureImage, ImageRef, Images
    from activities.provisioning import CommandRef, Provisioning, StartPhase, flavour
    from domain import names
    from domain.config import Stack
    from domain.images import BakeIdentity
    from domain.models import Image
    from domain.status import BakeLink, Status


class BakeSteps(Steps):
    """
    `release` in a bake's tags is the bake's own run: it owns what it makes, whoever waits for it.

    `found` is the image where it was made before: a repeated or late start bakes nothing.
    """

    kind: Literal["release", "bake"] = "bake"

    def __init__(self, operator: Operator, stack: Stack, identity: BakeIdentity, found: Image | None) -> None:
        self.found = found
        self.stack = stack
        self.identity = identity
        self.region = stack.region
        info = workflow.info()
        self.release = names.owner(info.workflow_id, info.original_execution_run_id)
        self.log = f"logs/{names.slug(identity.application)}/{names.slug(identity.tag, also='.')}-{info.original_execution_run_id}"
        super().__init__(operator)
        self.settle, self.way_back = stack.patience.settle, stack.patience.way_back

    @property
    def tags(self) -> dict[str, str]:
        identity = self.identity
        return self.stack.tags | {
            names.APPLICATION: identity.application,
            names.TAG: names.tag_value(identity.tag),
            names.COMMIT: identity.commit,
            names.RECIPE: identity.recipe,
            names.BASE_IMAGE: identity.base_image,
            names.RELEASE: self.release,
            "Name": identity.image_name,
        }

    @step("Create a temporary security group (Packer: admits this server's address alone; native: admits nobody)", phase="baking")
    async def create_security_group(self) -> str:
        name = names.bake_security_group(self.identity.application, self.release)
        async with self.making("security group", name):
            group: str = await self.do(
                Builders.ensure_security_group,
                EnsureSecurityGroup(region=self.region, name=name, vpc=self.stack.network.vpc, tags=self.tags),
            )
        return group

    @step("Launch a temporary instance into the VPC, in that group", phase="baking")
    async def launch_instance(self, security_group: str) -> str:
        bake = self.stack.bake
        async with self.making("instance", "builder"):
            builder: str = await self.do(
                Builders.launch_builder,
                LaunchBuilder(
                    region=self.region, image=self.identity.base_image, type=bake.instance_type or self.stack.instance.type,
                    subnet=bake.subnet or self.stack.network.subnets[0], security_group=security_group,
                    token=names.token(self.release, "builder"), tags=self.tags, profile=bake.profile, dead_man_minutes=bake.dead_man_minutes,
                ),
            )  # fmt: skip
        patience = self.stack.patience
        await self.do(
            Builders.builder_online, BuilderRef(region=self.region, id=builder), poll(patience.confirm, patience.healthy),
            what="Wait until its SSM agent answers",
        )  # fmt: skip
        return builder

    @step("Copy the configuration files onto it", phase="baking")
    async def copy_configuration_files(self, builder: str) -> None:
        await self._run_phase(builder, "copy")

    @step("Pull the tag's code from GitHub", phase="baking")
    async def pull_code(self, builder: str) -> None:
        await self._run_phase(builder, "code")

    @step("Create an AMI from it", phase="baking")
    async def create_image(self, builder: str) -> Image:
        patience = self.stack.patience
        await self.do(
            Builders.stop_builder, BuilderRef(region=self.region, id=builder), poll(patience.confirm, patience.healthy),
            what="Stop it, so that its disk is at rest",
        )  # fmt: skip
        async with self.making("image", self.identity.image_name):
            image: str = await self.do(
                Images.ensure_image,
                EnsureImage(region=self.region, name=self.identity.image_name, instance=builder, release=self.release, tags=self.tags),
            )
        available: Image = await self.do(
            Images.image_available, ImageRef(region=self.region, id=image, settled_at=self.settled_at("image", self.identity.image_name)), poll(patience.poll, patience.image),
            what="Wait until it is available",
        )  # fmt: skip
        return available

    @step("Destroy the temporary instance and security group", phase="baking")
    async def destroy(self) -> None:
        pace = poll_certainly(self.stack.patience.confirm, self.way_back)
        security_group = names.bake_security_group(self.identity.application, self.release)
        for kind, name, destroy, what in (
            ("instance", "builder", Builders.destroy_builders, "Terminate the instance"),
            ("security group", security_group, Builders.delete_security_groups, "Delete the security group"),
        ):
            mine = OfRelease(region=self.region, release=self.release, settled_at=self.settled_at(kind, name))
            await self.certainly(destroy, mine, pace, what=what)
            if (kind, name) in self.ledger:
                self.gone(kind, name)

    async def discard_image(self) -> None:
        """What a failed bake made of its image is no image."""
        await self.certainly(
            Images.discard_image,
            DiscardImage(
                region=self.region, name=self.identity.image_name, release=self.release,
                settled_at=self.settled_at("image", self.identity.image_name),
            ),
            poll_certainly(self.stack.patience.confirm, self.way_back),
            what="Remove the half-made image",
        )  # fmt: skip
        if ("image", self.identity.image_name) in self.ledger:
            self.gone("image", self.identity.image_name)

    async def _run_phase(self, builder: str, phase: str) -> None:
        bake, identity, log = self.stack.bake, self.identity, f"{self.log}/{phase}.log"
        self.checklist.note(f"log: s3://{bake.artifacts_bucket}/{log}")
        patience = self.stack.patience
        command: str = await self.do(
            Provisioning.start_phase,
            StartPhase(
                region=self.region, instance=builder, phase=phase, token=names.token(self.release, phase), bucket=bake.artifacts_bucket,
                log=log, timeout=patience.provision, recipe=identity.recipe, flavour=flavour(self.stack),
                variables={
                    "OVENBIRD_APPLICATION": identity.application, "OVENBIRD_REPOSITORY": self.stack.application.repository,
                    "OVENBIRD_TAG": identity.tag, "OVENBIRD_COMMIT": identity.commit,
                },
            ),
            poll(patience.confirm, patience.healthy),
        )  # fmt: skip
        await self.do(
            Provisioning.phase_finished,
            CommandRef(region=self.region, instance=builder, id=command, phase=phase, bucket=bake.artifacts_bucket, log=log),
            poll(patience.confirm, patience.provision),
        )

    def status(self) -> Status:
        link = BakeLink(workflow_id=workflow.info().workflow_id, log=f"s3://{self.stack.bake.artifacts_bucket}/{self.log}")
        return super().status().model_copy(
            update={"stack": self.stack.name, "tag": self.identity.tag, "commit": self.identity.commit, "bake": link}
        )  # fmt: skip
