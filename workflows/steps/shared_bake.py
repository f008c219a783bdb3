"""Wait for a bake that several releases may wait for. The last one to leave ends it."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.failures import caused_by
from workflows.policies import A_DAY, poll
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from activities.bakes import BakeRun, Bakes, JoinBake, LeaveBake
    from domain.config import Stack
    from domain.errors import BakeAbandoned, BakeFailed
    from domain.images import BakeIdentity
    from domain.models import Image
    from domain.requests import BakeRequest
    from domain.status import BakeLink

# Another stack's bake may have asked for less than this stack needs: then it is joined again.
TRIES = 3


class SharedBake:
    def __init__(self, run: Run, stack: Stack, identity: BakeIdentity) -> None:
        self._run = run
        self._stack = stack
        self._identity = identity

    async def image(self, commit: str, rebake: str = "") -> Image:
        """
        Join the bake and wait for its image, in the stack's own region.

        It is joined again where it ended because its last other waiter left at that moment, or
        where it was another stack's bake that verified nothing. Raises BakeFailed.
        """
        identity, waiter = self._identity, workflow.info()
        self._run.follows(BakeLink(workflow_id=identity.workflow_id))
        self._run.checklist.note(f"baking: {identity.workflow_id}")
        request = BakeRequest(
            stack=identity.stack or self._stack.name,
            tag=identity.tag,
            commit=commit,
            rebake=rebake,
        )
        join = JoinBake(
            workflow_id=identity.workflow_id,
            task_queue=waiter.task_queue,
            request=request,
            waiter=waiter.workflow_id,
        )
        asked_less = 0
        while asked_less < TRIES:
            bake = await self._run.do(Bakes.join_bake, join)
            image = await self._end_of(bake)
            if image and (image.verified or not identity.verified):
                return self._in_this_region(image)
            asked_less += 1 if image else 0
        raise BakeFailed(
            f"{identity.workflow_id} made an image without launching it once, which "
            f"{self._stack.name} asks for (bake.verify)"
        )

    async def leave(self) -> None:
        leave = LeaveBake(
            workflow_id=self._identity.workflow_id, waiter=workflow.info().workflow_id
        )
        await self._run.certainly(Bakes.leave_bake, leave)

    async def _end_of(self, bake: BakeRun) -> Image | None:
        """Its image; None where nobody waited for it any more."""
        pace = poll(self._stack.timeouts.confirm, A_DAY.total_seconds())
        try:
            image: Image = await self._run.do(Bakes.bake_finished, bake, pace)
        except ActivityError as error:
            if not caused_by(error, BakeAbandoned):
                raise
            return None
        return image

    def _in_this_region(self, image: Image) -> Image:
        region = self._stack.region
        if region == self._identity.region:
            return image
        if region not in image.copies:
            raise BakeFailed(
                f"the bake of {self._identity.stack} did not copy {image.id} to {region}: "
                "its bake.copies must name that region"
            )
        copy = {"id": image.copies[region], "snapshots": (), "copies": {}}
        return image.model_copy(update=copy)
