"""What follows the making of an image: a trial, tags and sharing, copies to other regions."""

from __future__ import annotations

import asyncio

from temporalio import workflow

from workflows.checklist import sentence
from workflows.failures import FAILURES, describe, shielded
from workflows.policies import poll
from workflows.run import Run
from workflows.steps.building import CREATE_IMAGE
from workflows.steps.over_ssm import OverSsm
from workflows.steps.temporary import Temporary

with workflow.unsafe.imports_passed_through():
    from activities.delivery import IMDS_V2, CheckSharing, Delivery, EnsureCopy, FinishImage
    from activities.images import ImageRef, Images
    from domain import names
    from domain.bake import BakeFacts
    from domain.errors import BakeFailed
    from domain.models import Image
    from domain.sections import Copy, Environment

# The verifier's service finds this, as on the builder: it is no member of any group.
VERIFIER = Environment(values={"OVENBIRD_BUILDER": "1"})


class Delivering:
    def __init__(self, run: Run, facts: BakeFacts, temporary: Temporary, verifier: OverSsm) -> None:
        self.run = run
        self._facts = facts
        self._temporary = temporary
        self._verifier = verifier
        self._complete = False

    @property
    def complete(self) -> bool:
        """From then on the image is good, whatever becomes of its copies: it is not discarded."""
        return self._complete

    async def check(self) -> None:
        """Before anything is made. Raises the ActivityError of an image that cannot be shared."""
        bake = self._facts.stack.bake
        if bake.share_with:
            asked = CheckSharing(
                region=self._facts.region,
                base_image=self._facts.identity.base_image,
                kms_key=bake.kms_key,
                copies=bake.copies,
            )
            what = "Can the image be shared?"
            await self.run.do(Delivery.refuse_unshareable, asked, what=what)

    @sentence(CREATE_IMAGE, phase="baking", continued=True)
    async def finish_image(self, image: Image) -> Image:
        """Launched once where the stack asks for it; stamped and shared."""
        verify = self._facts.stack.verifies and not image.verified
        if verify:
            await self._verify(image)
        image = await self._finished(self._facts.region, image, verified=verify)
        self._complete = True
        return image

    @sentence(CREATE_IMAGE, phase="baking")
    async def copy_image(self, image: Image) -> Image:
        """
        To all regions at once, each by itself: a copy that fails is removed, and the others stay.

        Raises BakeFailed with every region that the image did not reach.
        """
        wanted = self._facts.stack.bake.copies
        if not wanted:
            return image
        regions = ", ".join(copy.region for copy in wanted)
        self.run.checklist.note(f"{image.id} goes to {regions}")
        ended = await asyncio.gather(
            *(self._copy(image, copy) for copy in wanted), return_exceptions=True
        )
        made, failed = {}, []
        for copy, result in zip(wanted, ended, strict=True):
            if isinstance(result, Image):
                made[copy.region] = result.id
            elif isinstance(result, FAILURES):
                words = describe(result)
                failed.append(f"{image.id} could not be copied to {copy.region}: {words}")
            else:
                raise result
        self.run.operator.raise_if_aborted()
        if failed:
            raise BakeFailed("; ".join(failed))
        return image.model_copy(update={"copies": made})

    async def _verify(self, image: Image) -> None:
        """As a group will launch it, but that nobody is admitted: does its service start?"""
        self.run.checklist.note(f"{image.id} is launched once")
        group = await self._temporary.security_group()
        await self._verifier.start(image.id, group, VERIFIER.user_data)
        await self._verifier.run_provisioner("verify")

    async def _copy(self, image: Image, to: Copy) -> Image:
        kind = f"image in {to.region}"
        ensure = EnsureCopy(
            region=to.region,
            source_region=self._facts.region,
            source=image.id,
            name=image.name,
            tags=self._facts.tags,
            token=names.token(self._facts.owner, "copy", to.region),
            kms_key=to.kms_key,
        )
        try:
            async with self.run.making(kind, image.name):
                what = f"Copy it to {to.region}"
                made = await self.run.do(Delivery.ensure_copy, ensure, what=what)
            visible_by = self.run.visible_by(kind, image.name)
            copy = ImageRef(region=to.region, id=made, visible_by=visible_by)
            pace = poll(self.run.timeouts.poll, self.run.timeouts.image)
            what = f"Wait until it is available in {to.region}"
            available = await self.run.do(Images.image_available, copy, pace, what=what)
            verified = image.verified and not available.verified
            return await self._finished(to.region, available, verified=verified)
        except FAILURES:
            await shielded(self._temporary.discard_image(to.region))
            raise

    async def _finished(self, region: str, image: Image, *, verified: bool) -> Image:
        """`verified`: it was verified just now, and the image does not say so yet."""
        bake = self._facts.stack.bake
        deprecates = bool(bake.deprecate_after_days and not image.deprecated_at)
        if image.imds == IMDS_V2 and not (verified or bake.share_with or deprecates):
            return image
        finish = FinishImage(
            region=region,
            image=image,
            verified=verified,
            share_with=bake.share_with,
            deprecate_after_days=bake.deprecate_after_days,
        )
        what = "Stamp and share it"
        finished: Image = await self.run.do(Delivery.finish_image, finish, what=what)
        return finished
