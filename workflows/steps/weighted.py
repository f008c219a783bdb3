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
    from activities.rules import PointRules, Rules, Shifted, ShiftWeights
    from domain.facts import Facts
    from domain.traffic import Routing, Rule
    from domain.undo import UndoPreview, UndoShift
    from domain.weights import pointed


KEEP = "Does green have all of the traffic?"


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
        routing = self._routing
        if not routing.preview or not self._facts.blue:
            return
        self._way_back.register(UndoPreview(rules=routing.preview))
        weights = {rule.arn: pointed(rule, routing.live, routing.idle) for rule in routing.preview}
        point = PointRules(region=self._facts.region, weights=weights)
        await self._run.do(Rules.point_rules, point, what="Let the preview show green")

    async def shift(self) -> None:
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
        await self._at_every_rule(percent, f"{percent} % of the traffic to green")
        self._world.shifted(percent)
        tag = self._facts.version.tag
        self._run.checklist.note(f"{percent} % of the traffic goes to {tag}")

    async def _at_every_rule(self, percent: int, what: str, *, insist: bool = False) -> None:
        """
        The rules are found anew. Where somebody else changed one, a person is asked: after their
        `resume`, or where the run is to `insist`, green gets its part at every rule all the same.
        """
        while True:
            await self._watching.just_seen()
            shifted = await self._shift_weights(percent, what, insist=insist)
            words = self._note(shifted)
            if not words or (insist and shifted.found):
                return
            insist = True
            self._run.operator.ask(
                f"{words}. Resume it to give green {percent} % at "
                "every rule all the same, or abort it"
            )

    def _note(self, shifted: Shifted) -> str:
        """What somebody changed; empty where nobody did."""
        if not shifted.objections:
            return ""
        words = f"somebody changed the rules: {'; '.join(shifted.objections)}"
        self._run.note(words)
        return words

    async def _shift_weights(self, percent: int, what: str, *, insist: bool) -> Shifted:
        known = self._world.now.rules or self._routing.rules
        self._register(known)
        shift = ShiftWeights(
            region=self._facts.region,
            target_groups=self._facts.target_groups,
            preview=self._facts.wiring.preview,
            live=self._routing.live,
            idle=self._routing.idle,
            before=known,
            reached=self._world.now.green_percent,
            percent=percent,
            insist=insist,
        )
        shifted = await self._run.do(Rules.shift_weights, shift, what=what)
        self._world.wired(shifted.before, shifted.sticky)
        self._register(shifted.before)
        return shifted

    def _register(self, before: tuple[Rule, ...]) -> None:
        live, idle = self._routing.live, self._routing.idle
        self._way_back.register(UndoShift(rules=before, live=live, idle=idle))

    async def leave(self) -> None:
        """A client that sticks to blue's target group would get 503 once nobody is in it."""
        await self.hold()
        while await self._have_let_go():
            await self.hold()
        await self._leaving.detach_blue()

    async def leave_again(self) -> None:
        await self._leaving.detach_blue()

    async def hold(self, *, insist: bool = False) -> None:
        """Also at a rule that was added since."""
        if self._world.knows_the_rules:
            await self._watching.just_seen()
        else:
            await self._at_every_rule(100, KEEP, insist=insist)

    async def keep_rules(self) -> None:
        if not self._world.knows_the_rules:
            self._note(await self._shift_weights(100, KEEP, insist=True))

    async def _have_let_go(self) -> bool:
        """Waits for clients that stick to blue's target group. Was there anything to wait for?"""
        sticky, shifted_at = self._world.now.sticky, self._world.now.shifted_at
        if not (sticky and shifted_at):
            return False
        let_go = shifted_at + timedelta(seconds=sticky)
        if workflow.now() >= let_go:
            return False
        self._run.checklist.note(f"clients stay with blue's target group for {sticky:.0f} s")
        await self._watching.watch_until(let_go, shifted_at)
        return True

    def shares(self) -> dict[str, int]:
        percent = self._world.now.green_percent
        return {"blue": 100 - percent, "green": percent} if percent < 100 else {"green": 100}
