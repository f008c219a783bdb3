"""Release a tag: blue/green, one immutable group a version."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

from workflows.admission import Admission, refused_on_failure
from workflows.continuing import begun, continue_when_long, restored
from workflows.contract import TAG
from workflows.failures import handlers_finished
from workflows.handlers import OperatorHandlers
from workflows.parts import Release
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from domain.models import Released
    from domain.requests import ReleaseRequest
    from domain.status import Status

SENTENCES = (
    "Find the image of the tag, or bake it",
    "Create a launch template (or launch configuration) from the image",
    "Create an Auto Scaling group from it, as large as blue is now",
    "Set its scaling policies",
    "Attach it to the load balancer",
    "Wait until every instance is healthy",
    'Wait for "approve cutover" where the stack asks for it',
    "Shift the traffic, and watch it",
    "Drain blue and park it: out of the load balancer, at size zero, ready for an instant rollback",
    "Prune all but the last five deployments: groups, templates, images, snapshots",
)


@workflow.defn(name="ReleaseWorkflow")
class ReleaseWorkflow(OperatorHandlers):
    @workflow.init
    def __init__(self, *values: Any) -> None:
        self._run = Run("release", SENTENCES)
        # Restored before any handler runs: a message may have come between two runs of the chain.
        self._continued = restored(self._run, values)
        self._release: Release | None = None
        super().__init__(self._run)

    @workflow.run
    async def run(self, *values: Any) -> Released:
        async with handlers_finished():
            release = self._release = await self._admitted(values)
            async with release.way_back.on_failure():
                found = await release.images.find_or_bake()
                await release.fleet.create_template(found.image)
                await release.fleet.create_group()
                await release.fleet.set_scaling_policies()
                await release.traffic.attach()
                await release.watching.until_healthy()
                await release.traffic.preview()
                await release.approval.wait()
                await release.traffic.shift()
                await release.watching.soak()
                await release.watching.keep_hot()
                await release.traffic.drain()
            deployments = await release.parking.park(found.image)
            pruned = await release.pruning.prune(deployments, found.images)
            return await release.ended(found.image, pruned)

    async def _admitted(self, values: tuple[Any, ...]) -> Release:
        """Raises Refused: nothing was done."""
        run, state = self._run, self._continued
        if not state:
            admission = Admission(run)
            with refused_on_failure(run):
                request = admission.locked(ReleaseRequest, values)
                workflow.upsert_search_attributes([TAG.value_set(request.tag)])
                facts, identity = await admission.admit_release(request)
            state = begun(run, facts, identity)
        release = Release.of(run, state)
        continue_when_long(run, values[0], lambda: release.state(state))
        return release

    @workflow.query(description="This release, as docs/status.schema.json describes it.")
    def status(self, *_: Any) -> Status:
        return self._release.status() if self._release else self._run.status()
