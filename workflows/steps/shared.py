"""Waiting for a bake that several may wait for: the last one to leave ends it."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.policies import A_DAY, poll
from workflows.steps.base import Steps, is_verdict

with workflow.unsafe.imports_passed_through():
    from activities.bakes import Bakes, JoinBake, LeaveBake
    from domain.config import Patience
    from domain.errors import BakeAbandoned
    from domain.images import BakeIdentity
    from domain.models import BakeRequest, Image


class SharedBakeSteps(Steps):
    identity: BakeIdentity
    patience: Patience

    async def baked(self, request: BakeRequest) -> Image:
        """Joined again where it ended under us, because the last other one that waited for it left at that moment."""
        me = workflow.info()
        join = JoinBake(workflow_id=self.identity.workflow_id, task_queue=me.task_queue, request=request, waiter=me.workflow_id)
        while True:
            run = await self.do(Bakes.join_bake, join)
            try:
                return await self.do(Bakes.bake_finished, run, poll(self.patience.confirm, A_DAY.total_seconds()))
            except ActivityError as error:
                if not is_verdict(error, BakeAbandoned):
                    raise

    async def leave_bake(self) -> None:
        await self.certainly(Bakes.leave_bake, LeaveBake(workflow_id=self.identity.workflow_id, waiter=workflow.info().workflow_id))
