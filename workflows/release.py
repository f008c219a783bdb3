"""Release a tag: blue/green, one immutable group a version."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.admission import Admission, parsed
from workflows.contract import STACK, TAG, release_id
from workflows.operator import OperatorDoor
from workflows.steps.base import FAILURES, Steps, describe, handlers_finished, shielded
from workflows.steps.cutover import CutoverSteps
from workflows.steps.launching import LaunchingSteps
from workflows.steps.retiring import RetiringSteps

with workflow.unsafe.imports_passed_through():
    from domain.errors import REFUSED, InvalidRequest
    from domain.live import refuse_what_serves
    from domain.models import Released, ReleaseRequest
    from domain.status import Status


class ReleaseSteps(LaunchingSteps, CutoverSteps, RetiringSteps):
    """The ten sentences, in their order."""


@workflow.defn(name="ReleaseWorkflow")
class ReleaseWorkflow(OperatorDoor):
    def __init__(self) -> None:
        super().__init__()
        self.steps: Steps | None = None

    @workflow.run
    async def run(self, *values: Any) -> Released:
        async with handlers_finished():
            do = self.steps = await self._admitted(values)
            async with do.rolled_back_on_failure():
                image = await do.find_or_bake_image()
                await do.create_template(image)
                await do.create_group()
                await do.set_scaling_policies()
                await do.attach()
                await do.wait_until_healthy()
                await do.wait_for_approval()
                await do.shift_traffic()
                await do.watch()
                await do.drain()
            return await shielded(self._past_the_point_of_no_return(do, image.id), self.operator.notes.append)

    async def _past_the_point_of_no_return(self, do: ReleaseSteps, image: str) -> Released:
        await do.park()
        pruned = await do.prune()
        do.outcome = f"{do.stack.name} serves {do.request.tag}"
        do.enter("released")
        do.show()
        return Released(
            stack=do.stack.name, tag=do.request.tag, commit=do.identity.commit, deployment=do.green, image=image,
            parked=do.blue.name if do.blue else None, pruned=pruned, notes=tuple(self.operator.notes),
        )  # fmt: skip

    async def _admitted(self, values: tuple[Any, ...]) -> ReleaseSteps:
        """Raises Refused: nothing was done."""
        admission = self.steps = Admission(self.operator)
        try:
            request = admission.request = parsed(ReleaseRequest, values)
            workflow.upsert_search_attributes([STACK.value_set(request.stack), TAG.value_set(request.tag)])
            if workflow.info().workflow_id != release_id(request.stack):
                raise InvalidRequest(f"the workflow id must be {release_id(request.stack)}: it is the lock of the stack")
            admitted = await admission.admit(request)
            refuse_what_serves(admitted.blue, request.tag, admitted.identity.commit, force=request.force)
        except FAILURES as error:
            admission.outcome = describe(error)
            admission.enter("refused")
            raise ApplicationError(admission.outcome, type=REFUSED, non_retryable=True) from error
        return ReleaseSteps(self.operator, admitted)

    @workflow.query(description="The whole truth about this release, as docs/status.schema.json describes it.")
    def status(self) -> Status:
        return self.steps.status() if self.steps else Status(workflow="release")
