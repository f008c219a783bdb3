"""The strategy weighted: two target groups behind the same rules, and weights that move."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from workflows.run import Run
from workflows.steps.attach import Leaving
from workflows.steps.watching import Watching
from workflows.way_back import Registers
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.rules import PointRules, Rules, SetWeights
    from domain.facts import Facts
    from domain.traffic import Routing
    from domain.undo import UndoPreview, UndoShift


class Weighted:
    """`gradually`: in the stack's steps, each of them watched."""

    serves_at_once = False

    def __init__(
        self,
        run: Run,
        facts: Facts,
        world: World,
        routing: Routing,
        way_back: Registers,
        leaving: Leaving,
        watching: Watching,
        *,
        gradually: bool,
    ) -> None:
        self._run = run
        self._facts = facts
        self._world = world
        self._routing = routing
        self._way_back = way_back
        self._leaving = leaving
        self._watching = watching
        self._gradually = gradually
        preview = ", green is in the preview" if routing.preview else ""
        self.until_approval = f"blue alone serves until the approval{preview}"

    async def preview(self) -> None:
        """Green is healthy and has no traffic yet: the preview's rules show it."""
        if not self._routing.preview or not self._facts.blue:
            return
        rules = tuple(rule.arn for rule in self._routing.preview)
        self._way_back.register(UndoPreview(rules=rules, target_group=self._routing.live))
        point = PointRules(region=self._facts.region, rules=rules, target_group=self._routing.idle)
        await self._run.do(Rules.point_rules, point, what="Let the preview show green")

    async def shift(self) -> None:
        live, idle = self._routing.live, self._routing.idle
        self._way_back.register(UndoShift(rules=self._routing.rules, live=live, idle=idle))
        steps = self._facts.stack.load_balancer.steps if self._gradually else (100,)
        # A run that was continued as new goes on with the step that it had reached.
        reached = self._world.now.green_percent
        for percent in (step for step in steps if step >= reached):
            if percent > reached:
                await self._set_weights(percent)
            if percent < 100:
                await self._watching.watch_for(f"{percent} %", self._run.timeouts.step)

    async def _set_weights(self, percent: int) -> None:
        """`percent` of the traffic goes to green."""
        weights = SetWeights(
            region=self._facts.region,
            rules=self._routing.rules,
            weights={self._routing.idle: percent, self._routing.live: 100 - percent},
        )
        what = f"{percent} % of the traffic to green"
        await self._run.do(Rules.set_weights, weights, what=what)
        self._world.shifted(percent)
        tag = self._facts.version.tag
        self._run.checklist.note(f"{percent} % of the traffic goes to {tag}")

    async def leave(self) -> None:
        """A client that sticks to blue's target group would get 503 once nobody is in it."""
        sticky, shifted_at = self._routing.sticky, self._world.now.shifted_at
        if sticky and shifted_at:
            note = f"clients stay with blue's target group for {sticky:.0f} s"
            self._run.checklist.note(note)
            let_go = shifted_at + timedelta(seconds=sticky)
            await self._watching.watch_until(let_go, shifted_at)
        await self._leaving.detach_blue()

    def shares(self) -> dict[str, int]:
        percent = self._world.now.green_percent
        return {"blue": 100 - percent, "green": percent} if percent < 100 else {"green": 100}
