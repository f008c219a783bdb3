"""Release a tag: blue/green, one immutable group a version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.admission import Admission, parsed
from workflows.contract import TAG
from workflows.operator import OperatorHandlers
from workflows.steps.base import FAILURES, Steps, describe, handlers_finished, shielded
from workflows.steps.cutover import CutoverSteps
from workflows.steps.joining import JoiningSteps
from workflows.steps.launching import LaunchingSteps
from workflows.steps.pruning import PruningSteps

with workflow.unsafe.imports_passed_through():
    from domain.errors import REFUSED, InvalidRequest
    from domain.live import refuse_what_serves
    from domain.models import Released
    from domain.requests import ReleaseRequest
    from domain.status import Status


# A release looks for what would stop it later; one that began before did not.
PREFLIGHT = "preflight"


class ReleaseSteps(LaunchingSteps, JoiningSteps, CutoverSteps, PruningSteps):
    """The ten sentences, in their order."""


@workflow.defn(name="ReleaseWorkflow")
class ReleaseWorkflow(OperatorHandlers):
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
            return await shielded(
                self._past_the_point_of_no_return(do, image.id), self.operator.notes.append
            )

    async def _past_the_point_of_no_return(self, do: ReleaseSteps, image: str) -> Released:
        await do.park()
        pruned = await do.prune()
        return do.released(image=image, pruned=pruned)

    async def _admitted(self, values: tuple[Any, ...]) -> ReleaseSteps:
        """Raises Refused: nothing was done."""
        admission = self.steps = Admission(self.operator)
        try:
            request = parsed(ReleaseRequest, values)
            workflow.upsert_search_attributes([TAG.value_set(request.tag)])
            admission.lock(request)
            admitted, identity = await admission.admit(request)
            refuse_what_serves(admitted.blue, request.tag, identity.commit, force=request.force)
            if workflow.patched(PREFLIGHT) and (
                problems := [c.problem for c in await admission.preflight(admitted) if c.problem]
            ):
                raise InvalidRequest("; ".join(problems))
            admitted = replace(admitted, urgent=request.urgent, contraction=request.contraction)
        except FAILURES as error:
            admission.outcome = describe(error)
            admission.enter("refused")
            raise ApplicationError(admission.outcome, type=REFUSED, non_retryable=True) from error
        return ReleaseSteps(self.operator, admitted, identity)

    @workflow.query(
        description="The whole truth about this release, as docs/status.schema.json describes it."
    )
    def status(self) -> Status:
        return self.steps.status() if self.steps else Status(workflow="release")
