"""Prune: remove the deployments and images of a stack that no release would keep."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.admission import Admission, refused_on_failure
from workflows.failures import describe, ends_a_run, handlers_finished
from workflows.handlers import OperatorHandlers
from workflows.inquiries import Inquiries
from workflows.parsing import parsed
from workflows.run import Run
from workflows.steps.surplus import Surplus

with workflow.unsafe.imports_passed_through():
    from domain.errors import DIRTY, REFUSED
    from domain.requests import PruneRequest, StackRequest
    from domain.retention import Pruned
    from domain.status import Status

SENTENCES = (
    "Find what serves, and which deployments and images there are",
    "Prune all but the last five deployments: groups, templates, images, snapshots",
)
ABORT = "Stop before the next removal. What is not removed yet stays."
# Lines of the message; the details of the failure have all.
MOST_LEFT = 20


@workflow.defn(name="PruneWorkflow")
class PruneWorkflow(OperatorHandlers):
    """It runs under the stack's lock. What it removes cannot come back; the rest stays."""

    def __init__(self) -> None:
        self._run = Run("prune", SENTENCES)
        super().__init__(self._run)

    @workflow.run
    async def run(self, *values: Any) -> Pruned:
        """Raises Refused: nothing was removed. Raises Dirty, with what is left."""
        async with handlers_finished():
            with refused_on_failure(self._run):
                request = Admission(self._run).locked(PruneRequest, values)
                self._run.is_about(requested_by=request.requested_by)
                self._run.enter("pruning")
                stack = await Inquiries(self._run).read_stack(request.stack)
                self._run.uses(stack)
                surplus = Surplus(self._run, stack)
                await surplus.find()
            try:
                await surplus.remove()
            except (Exception, asyncio.CancelledError) as error:
                if not ends_a_run(error, self._run.operator.aborted):
                    raise
                raise self._ended_badly(surplus, describe(error)) from error
            if surplus.failures:
                raise self._ended_badly(surplus, surplus.failures)
            self._run.ends("pruned", surplus.outcome)
            return surplus.pruned()

    def _ended_badly(self, surplus: Surplus, why: str) -> ApplicationError:
        if not surplus.begun:
            self._run.ends("refused", f"{why}. Nothing was removed")
            return ApplicationError(self._run.outcome, type=REFUSED, non_retryable=True)
        pruned = surplus.pruned(stopped=why)
        self._run.ends("dirty", f"{why}. Pruned: {surplus.count()}. {_left(pruned)}")
        return ApplicationError(self._run.outcome, pruned, type=DIRTY, non_retryable=True)

    @workflow.update(name="abort_and_roll_back", description=ABORT)
    def abort_and_roll_back(self, *values: Any) -> str:  # type: ignore[override]
        super().abort_and_roll_back(*values)
        return "aborted: what is not removed yet stays"

    @abort_and_roll_back.validator
    def _may_abort(self, *values: Any) -> None:
        super()._may_abort(*values)

    @workflow.query(description="How far this prune is, as docs/status.schema.json describes it.")
    def status(self, *_: Any) -> Status:
        return self._run.status()


@workflow.defn(name="PrunePlanWorkflow")
class PrunePlanWorkflow:
    @workflow.run
    async def run(self, *values: Any) -> Pruned:
        """What a prune would do. It takes no lock and changes nothing."""
        run = Run("reading")
        with refused_on_failure(run):
            request = parsed(StackRequest, values)
            surplus = Surplus(run, await Inquiries(run).read_stack(request.stack))
            await surplus.judge()
        return surplus.pruned(dry_run=True)


def _left(pruned: Pruned) -> str:
    left = [f"  {v.name} ({v.tag}): {v.why}" for v in pruned.verdicts if v.verdict == "left"]
    more = [f"  and {len(left) - MOST_LEFT} more"] if len(left) > MOST_LEFT else []
    again = f"The next release tries again, and so does `ovenbird prune {pruned.stack}`"
    return "\n".join((f"{again}. Left:", *left[:MOST_LEFT], *more)) if left else again
