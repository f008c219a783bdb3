"""The temporary security group and instance of a bake, and how they are destroyed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.checklist import sentence
from workflows.failures import caused_by, shielded
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from activities.builders import BuilderRef, Builders, EnsureSecurityGroup, OfRelease
    from activities.images import DiscardImage, Images
    from domain.bake import BakeFacts
    from domain.errors import NoCapacity

SECURITY_GROUP, INSTANCE, KEY_PAIR = "security group", "instance", "key pair"


class Temporary:
    def __init__(self, run: Run, facts: BakeFacts) -> None:
        self.run = run
        self._facts = facts
        self._security_group = ""

    @sentence(
        "Create a temporary security group "
        "(Packer: admits this server's address alone; native: admits nobody)",
        phase="baking",
    )
    async def create_security_group(self) -> str:
        """Its id."""
        return await self.security_group()

    async def security_group(self) -> str:
        """The same one when it is asked for again."""
        if not self._security_group:
            facts = self._facts
            group = EnsureSecurityGroup(
                region=facts.region,
                name=facts.security_group,
                vpc=facts.stack.network.vpc,
                tags=facts.tags,
            )
            async with self.run.making(SECURITY_GROUP, facts.security_group):
                made = await self.run.do(Builders.ensure_security_group, group)
            self._security_group = made
        return self._security_group

    async def where_there_is_capacity(self, launch: Callable[[int, str], Awaitable[str]]) -> str:
        """
        What `launch` returns for the first subnet, counted from one, that has capacity.

        Raises the ActivityError of the last subnet.
        """
        subnets = self._facts.subnets
        for number, subnet in enumerate(subnets, start=1):
            try:
                return await launch(number, subnet)
            except ActivityError as error:
                if number == len(subnets) or not caused_by(error, NoCapacity):
                    raise
        raise AssertionError("a stack has at least one subnet")

    @sentence("Destroy the temporary instance and security group", phase="baking")
    async def destroy(self) -> None:
        """Also the key pair that a Packer build makes. A cancel has no effect here."""
        await shielded(self._destroy_all())

    async def _destroy_all(self) -> None:
        await self._destroy(INSTANCE)
        await self._destroy(SECURITY_GROUP)
        if self._facts.stack.bake.builder == "packer":
            await self._delete_key_pair()

    async def discard_image(self, region: str = "") -> None:
        """Remove what a failed bake made of its image, or of its copy in another region."""
        kind = f"image in {region}" if region else "image"
        name = self._facts.image_name
        discard = DiscardImage(
            region=region or self._facts.region,
            name=name,
            release=self._facts.owner,
            visible_by=self.run.visible_by(kind, name),
        )
        what = f"Remove the incomplete {kind}"
        await self.run.until_gone(Images.discard_image, discard, what=what)
        if (kind, name) in self.run.ledger:
            self.run.ledger.gone(kind, name)

    async def _destroy(self, kind: str) -> None:
        made = self.run.ledger.names(kind)
        visible = [at for name in made if (at := self.run.visible_by(kind, name))]
        ours = OfRelease(
            region=self._facts.region,
            release=self._facts.owner,
            visible_by=max(visible, default=None),
            launched=len(made),
        )
        if kind == INSTANCE:
            what = "Terminate the instance"
            await self.run.until_gone(Builders.destroy_builders, ours, what=what)
        else:
            what = "Delete the security group"
            await self.run.until_gone(Builders.delete_security_groups, ours, what=what)
        for name in made:
            self.run.ledger.gone(kind, name)

    async def _delete_key_pair(self) -> None:
        name = self._facts.key_pair
        key_pair = BuilderRef(region=self._facts.region, id=name)
        what = "Delete the key pair"
        await self.run.until_gone(Builders.delete_key_pair, key_pair, what=what)
        if (KEY_PAIR, name) in self.run.ledger:
            self.run.ledger.gone(KEY_PAIR, name)
