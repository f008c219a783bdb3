"""Waiting for a bake that several may wait for: the last one to leave ends it."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.policies import A_DAY, poll
from workflows.steps.base import Steps, caused_by

with workflow.unsafe.imports_passed_through():
    from activities.bakes import Bakes, JoinBake, LeaveBake
    from domain.config import Stack, Timeouts
    from domain.errors import BakeAbandoned, BakeFailed
    from domain.images import BakeIdentity
    from domain.models import Image
    from domain.requests import BakeRequest


class SharedBakeSteps(Steps):
    identity: BakeIdentity
    stack: Stack
    timeouts: Timeouts

    async def baked(self, request: BakeRequest) -> Image:
        """
        The image, in the stack's own region. Joined again where it ended under us, because the last other one that waited for it left at
        that moment; and once more where it was another stack's bake, which asked for less.
        """
        me, asked_less = workflow.info(), 0
        join = JoinBake(
            workflow_id=self.identity.workflow_id,
            task_queue=me.task_queue,
            request=request,
            waiter=me.workflow_id,
        )
        while True:
            run = await self.do(Bakes.join_bake, join)
            try:
                image: Image = await self.do(
                    Bakes.bake_finished, run, poll(self.timeouts.confirm, A_DAY.total_seconds())
                )
            except ActivityError as error:
                if not caused_by(error, BakeAbandoned):
                    raise
                continue
            if image.verified or not self.identity.verified:
                return self._here(image)
            asked_less += 1
            if asked_less > 2:
                raise BakeFailed(
                    f"{run.workflow_id} made {image.id} without launching it once, which {self.stack.name} asks for"
                )

    def _here(self, image: Image) -> Image:
        region = self.stack.region
        if region == self.identity.region:
            return image
        if region not in image.copies:
            raise BakeFailed(
                f"the bake of {self.identity.stack} did not copy {image.id} to {region}: its bake.copies must name that region"
            )
        return image.model_copy(update={"id": image.copies[region], "snapshots": (), "copies": {}})

    async def leave_bake(self) -> None:
        await self.certainly(
            Bakes.leave_bake,
            LeaveBake(workflow_id=self.identity.workflow_id, waiter=workflow.info().workflow_id),
        )
