"""What is asked of an image beside being made: that it served once, that it is stamped and shared, and where it goes."""

from __future__ import annotations

import asyncio

from temporalio import workflow

from workflows.checklist import step
from workflows.policies import poll
from workflows.steps.baking import CREATE_IMAGE, BakeSteps
from workflows.steps.base import FAILURES, describe, shielded
from workflows.steps.native import OverSsm

with workflow.unsafe.imports_passed_through():
    from activities.delivery import IMDS_V2, CheckSharing, Delivery, EnsureCopy, FinishImage
    from activities.images import ImageRef, Images
    from domain import names
    from domain.errors import BakeFailed
    from domain.models import Image
    from domain.sections import Copy, Environment

# What the verifier's service finds, as on the builder: it is no member of any group.
VERIFIER = Environment(values={"OVENBIRD_BUILDER": "1"})


class DeliveringSteps(BakeSteps):
    # From when on the image is good, whatever becomes of its copies: a bake that fails then leaves it for the next one.
    complete = False

    async def check(self) -> None:
        """Before anything is made. Raises InvalidRequest."""
        bake = self.stack.bake
        if bake.share_with:
            asked = CheckSharing(
                region=self.region,
                base_image=self.identity.base_image,
                kms_key=bake.kms_key,
                copies=bake.copies,
            )
            await self.do(Delivery.refuse_unshareable, asked, what="Can the image be shared?")
        if not self.found:
            await self.builder.check()

    @step(CREATE_IMAGE, phase="baking", extra=True)
    async def finish_image(self, image: Image) -> Image:
        """Launched once where the stack asks for it; stamped and shared."""
        verify = self.stack.verifies and not image.verified
        if verify:
            await self._verify(image)
        image = await self._finished(self.region, image, verified=verify)
        self.complete = True
        return image

    @step(CREATE_IMAGE, phase="baking", extra=True)
    async def copy_image(self, image: Image) -> Image:
        """
        To all regions at once, each on its own: one that fails is cleared away, and keeps none of the others.

        Raises BakeFailed with every region that the image did not reach.
        """
        wanted = self.stack.bake.copies
        if not wanted:
            return image
        self.checklist.note(f"{image.id} goes to {', '.join(copy.region for copy in wanted)}")
        ended = await asyncio.gather(
            *(self._copy(image, copy) for copy in wanted), return_exceptions=True
        )
        failed = [
            (copy.region, error)
            for copy, error in zip(wanted, ended, strict=True)
            if isinstance(error, BaseException)
        ]
        for _, error in failed:
            if not isinstance(error, FAILURES):
                raise error
        self.operator.raise_if_aborted()
        if failed:
            raise BakeFailed(
                "; ".join(
                    f"{image.id} could not be copied to {region}: {describe(error)}"
                    for region, error in failed
                )
            )
        copies = [copy for copy in ended if isinstance(copy, Image)]
        return image.model_copy(
            update={
                "copies": {copy.region: made.id for copy, made in zip(wanted, copies, strict=True)}
            }
        )

    async def _verify(self, image: Image) -> None:
        """As a group will launch it, but that nobody is admitted: does its service come up by itself?"""
        self.checklist.note(f"{image.id} is launched once")
        group = self.security_group or await self.create_security_group()
        verifier = OverSsm(self, "verifier")
        await verifier.start(image.id, group, VERIFIER.user_data)
        await verifier.run_provisioner("verify")

    async def _copy(self, image: Image, to: Copy) -> Image:
        try:
            async with self.making(f"image in {to.region}", image.name):
                made = await self.do(
                    Delivery.ensure_copy,
                    EnsureCopy(
                        region=to.region,
                        source_region=self.region,
                        source=image.id,
                        name=image.name,
                        tags=self.tags,
                        token=names.token(self.release, "copy", to.region),
                        kms_key=to.kms_key,
                    ),
                    what=f"Copy it to {to.region}",
                )
            timeouts = self.stack.timeouts
            available: Image = await self.do(
                Images.image_available,
                ImageRef(
                    region=to.region,
                    id=made,
                    visible_by=self.visible_by(f"image in {to.region}", image.name),
                ),
                poll(timeouts.poll, timeouts.image),
                what=f"Wait until it is available in {to.region}",
            )
            return await self._finished(
                to.region, available, verified=image.verified and not available.verified
            )
        except FAILURES:
            await shielded(self.discard_image(to.region))
            raise

    async def _finished(self, region: str, image: Image, *, verified: bool) -> Image:
        bake = self.stack.bake
        if (
            image.imds == IMDS_V2
            and not verified
            and not bake.share_with
            and not (bake.deprecate_after_days and not image.deprecated_at)
        ):
            return image
        finished: Image = await self.do(
            Delivery.finish_image,
            FinishImage(
                region=region,
                image=image,
                verified=verified,
                share_with=bake.share_with,
                deprecate_after_days=bake.deprecate_after_days,
            ),
            what="Stamp and share it",
        )
        return finished
