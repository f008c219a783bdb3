"""Sweep: find and clear what releases have left that no longer run. A dry run changes nothing."""

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

from workflows.admission import Admission, refused_on_failure
from workflows.contract import release_id
from workflows.failures import FAILURES, describe, handlers_finished
from workflows.handlers import OperatorHandlers
from workflows.inquiries import Inquiries
from workflows.parsing import parsed
from workflows.run import Run
from workflows.steps.restoring import Restoring
from workflows.steps.sweeping import UNDER_WAY, Sweeping
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.configuration import Configuration
    from domain.answering import Wiring
    from domain.continued import WorldState
    from domain.errors import DIRTY, OvenbirdError
    from domain.models import Swept
    from domain.requests import SweepRequest, Undecodable
    from domain.status import Status
    from domain.sweep_ages import StackSweep

SENTENCES = (
    "Find what releases have left that no longer run",
    "Bring back what serves: in the load balancer, every instance healthy",
    "Park what was woken, remove what never served, lower pinned minimums",
)


async def _sweeping(run: Run, name: str, *, by_name: bool) -> Sweeping:
    """
    Nobody waits for a sweep, and the next one goes on where it stopped. So it holds the lock no
    longer than a release waits for health, whatever AWS refuses.
    """
    ask = Inquiries(run)
    stack = await ask.read_stack(name)
    time_limit = stack.timeouts.healthy
    run.uses(stack, way_back=time_limit)
    target_groups = await ask.find_target_groups(stack)
    weighted = stack.load_balancer.strategy == "weighted"
    preview = stack.load_balancer.preview
    wiring = Wiring(target_groups=target_groups, weighted=weighted, preview=preview)
    restoring = Restoring(run, stack, wiring, World(WorldState()), time_limit)
    return Sweeping(run, stack, wiring, restoring, by_name=by_name)


@workflow.defn(name="SweepWorkflow")
class SweepWorkflow:
    """
    Looks without a lock. Where something is found, a workflow that holds the stack's lock clears
    it, so that it meets no release.
    """

    @workflow.run
    async def run(self, *values: Any) -> list[Swept]:
        run = Run("sweep", SENTENCES)
        with refused_on_failure(run):
            request = parsed(SweepRequest, values)
            what = "Which stacks are there?"
            if request.stack:
                stacks = [request.stack]
            else:
                stacks = await run.do(Configuration.list_stacks, None, what=what)
        by_name = request.stack is not None
        return [
            await self._sweep(run, stack, dry_run=request.dry_run, by_name=by_name)
            for stack in stacks
        ]

    @staticmethod
    async def _sweep(run: Run, name: str, *, dry_run: bool, by_name: bool) -> Swept:
        """A stack that cannot be looked at stops its own sweep, and no other's."""
        try:
            sweeping = await _sweeping(run, name, by_name=by_name)
            await sweeping.find()
        except (FailureError, OvenbirdError) as error:
            return Swept(stack=name, dry_run=dry_run, stopped=describe(error))
        seen = sweeping.swept(dry_run=dry_run)
        if dry_run or sweeping.stopped or sweeping.clears_nothing:
            return seen
        return await _cleared(name, seen, by_name=by_name)


async def _cleared(name: str, seen: Swept, *, by_name: bool) -> Swept:
    try:
        cleared: Swept = await workflow.execute_child_workflow(
            SweepStackWorkflow.run,
            args=[{"stack": name, "by_name": by_name}],
            id=release_id(name),
            static_summary=f"sweep {name}",
        )
    except WorkflowAlreadyStartedError:
        return seen.model_copy(update={"stopped": UNDER_WAY})
    except ChildWorkflowError as error:
        if isinstance(error.cause, CancelledError):
            raise
        if isinstance(error.cause, ApplicationError) and error.cause.details:
            return _told(error.cause.details[0])
        return seen.model_copy(update={"stopped": describe(error)})
    return cleared


def _told(swept: object) -> Swept:
    """Of many findings, it is larger than what a worker reads unasked."""
    if isinstance(swept, Undecodable):
        return Swept.model_validate_json(swept.data)
    return Swept.model_validate(swept)


@workflow.defn(name="SweepStackWorkflow")
class SweepStackWorkflow(OperatorHandlers):
    def __init__(self) -> None:
        self._run = Run("sweep", SENTENCES)
        super().__init__(self._run)

    @workflow.run
    async def run(self, *values: Any) -> Swept:
        """With the lock it looks again: what was found before may belong to a release by now."""
        async with handlers_finished():
            with refused_on_failure(self._run):
                request = Admission(self._run).locked(StackSweep, values)
                sweeping = await _sweeping(self._run, request.stack, by_name=request.by_name)
            try:
                await sweeping.find()
                if not sweeping.stopped:
                    await sweeping.restore()
                    await sweeping.remove()
            except FAILURES as error:
                reason = describe(error)
                self._run.ends("dirty", reason)
                swept = sweeping.failed(reason)
                raise ApplicationError(reason, swept, type=DIRTY, non_retryable=True) from error
            self._run.ends("swept", sweeping.outcome)
            return sweeping.swept(dry_run=False)

    @workflow.query(description="How far this sweep is, as docs/status.schema.json describes it.")
    def status(self, *_: Any) -> Status:
        return self._run.status()
