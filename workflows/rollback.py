"""Roll back: the deployment that served before takes over again. No bake."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.admission import Admission, parsed
from workflows.contract import TAG
from workflows.operator import OperatorHandlers
from workflows.steps.base import FAILURES, Steps, describe, handlers_finished, shielded
from workflows.steps.cutover import CutoverSteps
from workflows.steps.joining import JoiningSteps
from workflows.steps.parking import ParkingSteps
from workflows.steps.waking import WakingSteps

with workflow.unsafe.imports_passed_through():
    from domain.errors import REFUSED
    from domain.models import Released
    from domain.requests import RollbackRequest
    from domain.status import Status


class RollbackSteps(WakingSteps, JoiningSteps, CutoverSteps, ParkingSteps):
    """The six sentences, in their order."""


@workflow.defn(name="RollbackWorkflow")
class RollbackWorkflow(OperatorHandlers):
    def __init__(self) -> None:
        super().__init__()
        self.steps: Steps | None = None

    @workflow.run
    async def run(self, *values: Any) -> Released:
        async with handlers_finished():
            do = self.steps = await self._admitted(values)
            async with do.rolled_back_on_failure():
                await do.wake()
                await do.attach()
                await do.wait_until_healthy()
                await do.wait_for_approval()
                await do.shift_traffic()
                await do.watch()
                await do.drain()
            return await shielded(self._past_the_point_of_no_return(do), self.operator.notes.append)

    @staticmethod
    async def _past_the_point_of_no_return(do: RollbackSteps) -> Released:
        await do.park()
        return do.released(image=do.image.id if do.image else None)

    async def _admitted(self, values: tuple[Any, ...]) -> RollbackSteps:
        """Raises Refused: nothing was done."""
        admission = self.steps = Admission(self.operator)
        admission.kind = "rollback"
        try:
            request = parsed(RollbackRequest, values)
            admission.lock(request)
            admitted, target, image = await admission.admit_rollback(request)
            workflow.upsert_search_attributes([TAG.value_set(admitted.version.tag)])
        except FAILURES as error:
            admission.outcome = describe(error)
            admission.enter("refused")
            raise ApplicationError(admission.outcome, type=REFUSED, non_retryable=True) from error
        return RollbackSteps(self.operator, admitted, target, image)

    @workflow.query(
        description="The whole truth about this rollback, as docs/status.schema.json describes it."
    )
    def status(self) -> Status:
        return self.steps.status() if self.steps else Status(workflow="rollback")
