"""The last look of the way back: green leaves only where blue is seen to serve instead."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from workflows.run import Run
from workflows.steps.restoring import Back, Restoring
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.rules import ReturnWeights, Rules
    from domain import capacity
    from domain.answering import answers, refusal, within
    from domain.errors import NotRestored
    from domain.facts import Facts
    from domain.observation import Observation
    from domain.traffic import Rule

# Somebody may write the weights again and again. Then they decide, and green stays.
ROUNDS = 5


class LastLook:
    def __init__(self, run: Run, facts: Facts, world: World, restoring: Restoring) -> None:
        self._run = run
        self._facts = facts
        self._world = world
        self._restoring = restoring

    async def blue_is_back(self) -> None:
        """After it left: attached, healthy, large enough. Raises NotRestored where it cannot be."""
        await self._return_weights((), only_name=True)
        await self._restore(has_left=True)

    async def give_blue_the_traffic(self, before: tuple[Rule, ...]) -> None:
        """
        At every rule that there is now, once blue can take it; `before` is how the rules were.

        A client that sticks to green's target group stays there, so green stays as long.
        """
        if self._facts.blue:
            await self._return_weights((), only_name=True)
            await self._restore(has_left=False)
        sticky = await self._return_weights(before)
        # A weight may have been written although its call did not succeed at every rule.
        kept = self._world.now.sticky if self._world.now.rules_read_at else 0
        if wait := min(max(sticky, kept), self._run.timeouts.way_back):
            self._run.checklist.note(f"clients stay with green's target group for {wait:.0f} s")
            await workflow.sleep(timedelta(seconds=wait), summary="until sticky clients let go")
        self._world.shifted(0)

    async def before_green_leaves(self) -> None:
        """Raises NotRestored where green still answers, and blue cannot take over."""
        if not self._facts.blue:
            return
        why = ""
        for _ in range(ROUNDS):
            seen = await self._restore(has_left=False)
            if not answers(seen.places, self._facts.green):
                return
            why = self._refusal(seen)
            if self._facts.routing:
                await self._return_weights(self._world.now.rules)
            elif not why:
                return
            # AWS may show for a moment what was there before.
            await workflow.sleep(
                self._run.timeouts.confirm, summary="until blue is looked at again"
            )
        raise NotRestored(why or f"somebody gives {self._facts.green} the traffic again and again")

    def _refusal(self, seen: Observation) -> str:
        """Where blue was in none of the target groups, nothing of it can be missing."""
        blue = self._facts.blue
        assert blue
        return refusal(
            within(seen.places, self._facts.blue_arns),
            leaving=self._facts.green,
            staying=blue.name,
            least=capacity.least(seen.groups[blue.name], self._world.now.blue_missing or 0),
        )

    async def _restore(self, *, has_left: bool) -> Observation:
        blue = self._facts.blue
        assert blue
        return await self._restoring.restore(
            Back(
                name=blue.name,
                target_groups=self._facts.blue_arns,
                beside=(self._facts.green,),
                before=blue.group,
                missing=self._world.now.blue_missing,
                has_left=has_left,
                given=self._world.now.verified,
            )
        )

    async def _return_weights(self, before: tuple[Rule, ...], *, only_name: bool = False) -> float:
        routing = self._facts.routing
        if routing is None:
            return 0
        weights = ReturnWeights(
            region=self._facts.region,
            target_groups=self._facts.target_groups,
            preview=self._facts.wiring.preview,
            live=routing.live,
            idle=routing.idle,
            before=before,
            only_name=only_name,
        )
        what = "Name blue at every rule" if only_name else "All of the traffic to blue"
        return await self._run.certainly(Rules.return_weights, weights, what=what)
