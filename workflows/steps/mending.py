"""One more try at the end, where somebody has changed what the run left meanwhile."""

from __future__ import annotations

from temporalio import workflow

from workflows.run import Run
from workflows.steps.last_look import LastLook
from workflows.steps.restoring import Back, Restoring
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.rules import ReturnWeights, Rules
    from domain.facts import Facts


class Mending:
    """It has no longer than a new deployment has to become healthy: the lock is held."""

    def __init__(self, run: Run, facts: Facts, world: World) -> None:
        timeouts = facts.stack.timeouts
        self._limit = min(timeouts.healthy, timeouts.way_back)
        self._run = run
        self._facts = facts
        self._world = world
        self._restoring = Restoring(run, facts.stack, facts.wiring, world, self._limit)

    async def bring_blue_back(self) -> None:
        """Raises NotRestored where it cannot."""
        self._run.uses(self._facts.stack, way_back=self._limit)
        if self._facts.blue:
            back = LastLook(self._run, self._facts, self._world, self._restoring)
            await back.blue_is_back()
            await back.give_blue_the_traffic(self._world.now.rules)

    async def bring_green_back(self) -> None:
        """After the cutover nobody else can serve. Raises NotRestored where it cannot."""
        facts, routing = self._facts, self._facts.routing
        self._run.uses(facts.stack, way_back=self._limit)
        await self._restoring.restore(
            Back(name=facts.green, target_groups=facts.green_arns, has_left=True)
        )
        if routing and facts.blue:
            weights = ReturnWeights(
                region=facts.region,
                target_groups=facts.target_groups,
                preview=facts.wiring.preview,
                live=routing.idle,
                idle=routing.live,
            )
            what = "All of the traffic to green"
            await self._run.certainly(Rules.return_weights, weights, what=what)
