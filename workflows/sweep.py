"""Sweep: find what releases have left that no longer run, and clear it. A dry run finds, and touches nothing."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    FailureError,
    WorkflowAlreadyStartedError,
)

from workflows.admission import Admission, parsed
from workflows.contract import release_id
from workflows.operator import Operator, OperatorHandlers
from workflows.steps.base import FAILURES, describe, handlers_finished
from workflows.steps.sweeping import SweepSteps

with workflow.unsafe.imports_passed_through():
    from activities.configuration import Configuration
    from domain.errors import DIRTY, REFUSED, OvenbirdError
    from domain.models import Swept
    from domain.requests import StackRequest, SweepRequest
    from domain.status import Status


@workflow.defn(name="SweepWorkflow")
class SweepWorkflow:
    """Looks without a lock; a stack in which something is found is cleared by a workflow that holds its lock, so no release is met."""

    @workflow.run
    async def run(self, *values: Any) -> list[Swept]:
        admission = Admission(Operator())
        try:
            request = parsed(SweepRequest, values)
            stacks = (
                [request.stack]
                if request.stack
                else await admission.do(
                    Configuration.list_stacks, None, what="Which stacks are there?"
                )
            )
        except FAILURES as error:
            raise ApplicationError(describe(error), type=REFUSED, non_retryable=True) from error
        return [await self._sweep(admission, stack, dry_run=request.dry_run) for stack in stacks]

    @staticmethod
    async def _sweep(admission: Admission, name: str, *, dry_run: bool) -> Swept:
        """One stack that cannot be looked at stops its own sweep, and no other's."""
        try:
            stack = await admission.read_stack(name)
            steps = SweepSteps(Operator(), stack, await admission.find_target_groups(stack))
            await steps.find()
        except (FailureError, OvenbirdError) as error:
            return Swept(stack=name, dry_run=dry_run, stopped=describe(error))
        seen = steps.swept(dry_run=True)
        if dry_run or steps.stopped or not steps.findings:
            return seen.model_copy(update={"dry_run": dry_run})
        try:
            cleared: Swept = await workflow.execute_child_workflow(
                SweepStackWorkflow.run,
                args=[{"stack": name}],
                id=release_id(name),
                static_summary=f"sweep {name}",
            )
        except WorkflowAlreadyStartedError:
            return seen.model_copy(
                update={"dry_run": False, "stopped": "a release or rollback of it is under way"}
            )
        except ChildWorkflowError as error:
            if isinstance(error.cause, CancelledError):
                raise
            if isinstance(error.cause, ApplicationError) and error.cause.details:
                return Swept.model_validate(error.cause.details[0])
            return seen.model_copy(update={"dry_run": False, "stopped": describe(error)})
        return cleared


@workflow.defn(name="SweepStackWorkflow")
class SweepStackWorkflow(OperatorHandlers):
    def __init__(self) -> None:
        super().__init__()
        self.steps: SweepSteps | None = None

    @workflow.run
    async def run(self, *values: Any) -> Swept:
        """With the lock, on a look of its own: what was found before may be a release's by now."""
        async with handlers_finished():
            return await self._run(values)

    async def _run(self, values: tuple[Any, ...]) -> Swept:
        admission = Admission(self.operator)
        try:
            request = parsed(StackRequest, values)
            admission.lock(request)
            stack = await admission.read_stack(request.stack)
            target_groups = await admission.find_target_groups(stack)
        except FAILURES as error:
            raise ApplicationError(describe(error), type=REFUSED, non_retryable=True) from error
        do = self.steps = SweepSteps(self.operator, stack, target_groups)
        try:
            await do.find()
            if not do.stopped:
                await do.restore()
                await do.remove()
        except FAILURES as error:
            do.outcome = do.stopped = describe(error)
            do.enter("dirty")
            raise ApplicationError(
                do.outcome, do.swept(dry_run=False), type=DIRTY, non_retryable=True
            ) from error
        do.outcome = do.stopped or f"{len(do.done)} of {len(do.findings)} findings are cleared"
        do.enter("swept")
        return do.swept(dry_run=False)

    @workflow.query(description="How this sweep stands, as docs/status.schema.json describes it.")
    def status(self) -> Status:
        return self.steps.status() if self.steps else Status(workflow="sweep")
