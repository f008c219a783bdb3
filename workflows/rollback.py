"""Roll back: the deployment that served before takes over again. No bake."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

from workflows.admission import Admission, refused_on_failure
from workflows.continuing import begun, continue_when_long, restored
from workflows.contract import TAG
from workflows.failures import handlers_finished
from workflows.handlers import OperatorHandlers
from workflows.parts import Rollback
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from domain.models import Released
    from domain.requests import RollbackRequest
    from domain.status import Status

SENTENCES = (
    "Wake the parked deployment (or launch its image again)",
    "Attach it to the load balancer",
    "Wait until every instance is healthy",
    'Wait for "approve cutover" where the stack asks for it',
    "Shift the traffic, and watch it",
    "Drain blue and park it: out of the load balancer, at size zero, ready for an instant rollback",
)


@workflow.defn(name="RollbackWorkflow")
class RollbackWorkflow(OperatorHandlers):
    @workflow.init
    def __init__(self, *values: Any) -> None:
        self._run = Run("rollback", SENTENCES)
        # Restored before any handler runs: a message may have come between two runs of the chain.
        self._continued = restored(self._run, values)
        self._rollback: Rollback | None = None
        super().__init__(self._run)

    @workflow.run
    async def run(self, *values: Any) -> Released:
        async with handlers_finished():
            rollback = self._rollback = await self._admitted(values)
            async with rollback.way_back.on_failure():
                image = await rollback.waking.wake()
                await rollback.traffic.attach()
                await rollback.watching.until_healthy()
                await rollback.traffic.preview()
                await rollback.approval.wait()
                await rollback.traffic.shift()
                await rollback.watching.soak()
                await rollback.watching.keep_hot()
                await rollback.traffic.drain()
            await rollback.parking.park(image)
            return await rollback.ended(image)

    async def _admitted(self, values: tuple[Any, ...]) -> Rollback:
        """Raises Refused: nothing was done."""
        run, state = self._run, self._continued
        if not state:
            admission = Admission(run)
            with refused_on_failure(run):
                request = admission.locked(RollbackRequest, values)
                facts, image = await admission.admit_rollback(request)
                workflow.upsert_search_attributes([TAG.value_set(facts.version.tag)])
            state = begun(run, facts, image=image)
        rollback = Rollback.of(run, state)
        continue_when_long(run, values[0], lambda: rollback.state(state))
        return rollback

    @workflow.query(description="This rollback, as docs/status.schema.json describes it.")
    def status(self, *_: Any) -> Status:
        return self._rollback.status() if self._rollback else self._run.status()
