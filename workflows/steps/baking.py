"""The six sentences of a bake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.checklist import step
from workflows.operator import Operator
from workflows.policies import poll, poll_certainly
from workflows.steps.base import Steps, caused_by
from workflows.steps.native import NativeBuilder
from workflows.steps.packing import PackerBuilder

with workflow.unsafe.imports_passed_through():
    from activities.builders import Builders, EnsureSecurityGroup, OfRelease
    from activities.images import DiscardImage, ImageRef, Images
    from domain import names
    from domain.config import Stack
    from domain.errors import NoCapacity
    from domain.images import BakeIdentity
    from domain.models import Image
    from domain.status import BakeLink, Status


CREATE_IMAGE = "Create an AMI from it"


class BakeSteps(Steps):
    """
    `release` in a bake's tags is the bake's own run: it owns what it makes, whoever waits for it.

    `found` is the image where it was made before: a repeated or late start bakes nothing, and makes good what is missing.
    """

    kind = "bake"

    def __init__(
        self,
        operator: Operator,
        stack: Stack,
        identity: BakeIdentity,
        found: Image | None,
        rebake: str = "",
    ) -> None:
        self.found = found
        self.image_name = (
            found.name
            if found
            else names.again(identity.image_name, rebake)
            if rebake
            else identity.image_name
        )
        self.security_group = ""
        self.stack = stack
        self.identity = identity
        self.region = stack.region
        info = workflow.info()
        self.release = names.owner(info.workflow_id, info.original_execution_run_id)
        self.log = f"logs/{names.slug(identity.application)}/{names.slug(identity.tag, also='.')}-{info.original_execution_run_id}"
        super().__init__(operator)
        self.builder = (PackerBuilder if stack.bake.builder == "packer" else NativeBuilder)(self)
        self.consistency_grace, self.way_back = (
            stack.timeouts.consistency_grace,
            stack.timeouts.way_back,
        )

    @property
    def subnets(self) -> tuple[str, ...]:
        """Where the builder may be launched, the first one first."""
        return (self.stack.bake.subnet,) if self.stack.bake.subnet else self.stack.network.subnets

    async def where_there_is_capacity(self, launch: Callable[[int, str], Awaitable[str]]) -> str:
        """What `launch` makes of the first subnet, counted from one, that has capacity. Raises NoCapacity of the last one."""
        for number, subnet in enumerate(self.subnets, start=1):
            try:
                return await launch(number, subnet)
            except ActivityError as error:
                if number == len(self.subnets) or not caused_by(error, NoCapacity):
                    raise
        raise AssertionError("a stack has at least one subnet")

    @property
    def manifest(self) -> str:
        """The key of the image's manifest in the artifacts bucket."""
        return names.manifest(self.image_name)

    @property
    def credential(self) -> str:
        """Where the repository's credential lies, for the builder: never what it is."""
        where = self.stack.application.credential
        return where.model_dump_json(exclude_none=True) if where else ""

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
            "Name": self.image_name,
        }

    @step(
        "Create a temporary security group (Packer: admits this server's address alone; native: admits nobody)",
        phase="baking",
    )
    async def create_security_group(self) -> str:
        name = names.bake_security_group(self.identity.application, self.release)
        async with self.making("security group", name):
            self.security_group = await self.do(
                Builders.ensure_security_group,
                EnsureSecurityGroup(
                    region=self.region, name=name, vpc=self.stack.network.vpc, tags=self.tags
                ),
            )
        return self.security_group

    @step("Launch a temporary instance into the VPC, in that group", phase="baking")
    async def launch_instance(self, security_group: str) -> None:
        await self.builder.launch(security_group)

    @step("Copy the configuration files onto it", phase="baking")
    async def copy_configuration_files(self) -> None:
        await self.builder.copy()

    @step("Pull the tag's code from GitHub", phase="baking")
    async def pull_code(self) -> None:
        await self.builder.pull()

    @step(CREATE_IMAGE, phase="baking")
    async def create_image(self) -> Image:
        image = await self.builder.image()
        timeouts = self.stack.timeouts
        available: Image = await self.do(
            Images.image_available,
            ImageRef(
                region=self.region, id=image, visible_by=self.visible_by("image", self.image_name)
            ),
            poll(timeouts.poll, timeouts.image),
            what="Wait until it is available",
        )
        return available

    @step("Destroy the temporary instance and security group", phase="baking")
    async def destroy(self) -> None:
        pace = poll_certainly(self.stack.timeouts.confirm, self.way_back)
        for kind, destroy, what in (
            ("instance", Builders.destroy_builders, "Terminate the instance"),
            ("security group", Builders.delete_security_groups, "Delete the security group"),
        ):
            made = [name for of, name in self.ledger if of == kind]
            visible = [at for name in made if (at := self.visible_by(kind, name))]
            mine = OfRelease(
                region=self.region,
                release=self.release,
                visible_by=max(visible, default=None),
                launched=len(made),
            )
            await self.certainly(destroy, mine, pace, what=what)
            for name in made:
                self.gone(kind, name)
        await self.builder.destroy()

    async def discard_image(self, region: str = "") -> None:
        """What a failed bake made of its image, or of its copy in another region, is no image."""
        kind = f"image in {region}" if region else "image"
        await self.certainly(
            Images.discard_image,
            DiscardImage(
                region=region or self.region,
                name=self.image_name,
                release=self.release,
                visible_by=self.visible_by(kind, self.image_name),
            ),
            poll_certainly(self.stack.timeouts.confirm, self.way_back),
            what=f"Remove the half-made {kind}",
        )
        if (kind, self.image_name) in self.ledger:
            self.gone(kind, self.image_name)

    def status(self) -> Status:
        link = BakeLink(
            workflow_id=workflow.info().workflow_id,
            log=f"s3://{self.stack.bake.artifacts_bucket}/{self.log}",
        )
        return (
            super()
            .status()
            .model_copy(
                update={
                    "stack": self.stack.name,
                    "tag": self.identity.tag,
                    "commit": self.identity.commit,
                    "bake": link,
                }
            )
        )
