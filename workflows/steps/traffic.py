"""How the traffic goes from blue to green: join the balancer, shift, drain blue."""

from __future__ import annotations

from typing import Protocol

from temporalio import workflow

from workflows.checklist import sentence
from workflows.run import Run
from workflows.steps.compensations import GROUP
from workflows.steps.draining import Draining, Leaves
from workflows.steps.hooks import Hooks
from workflows.steps.looks import Looks
from workflows.steps.marking import Marking
from workflows.steps.scaling import ScalingPolicies
from workflows.steps.watching import Watching
from workflows.steps.windows import Windows
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, Membership
    from domain.facts import Facts

DRAIN_AND_PARK = (
    "Drain blue and park it: out of the load balancer, at size zero, ready for an instant rollback"
)


class Strategy(Leaves, Protocol):
    """`serves_at_once`: green has a share of the traffic as soon as it is attached."""

    @property
    def serves_at_once(self) -> bool: ...

    async def preview(self) -> None:
        """Show the healthy green where only a preview sees it."""

    async def shift(self) -> None:
        """From blue to green, its undo registered before."""

    async def leave(self) -> None:
        """Blue leaves its target groups, its undo registered before."""

    def shares(self) -> dict[str, int]:
        """Percent of the traffic by role."""


class Traffic:
    def __init__(
        self,
        run: Run,
        facts: Facts,
        world: World,
        strategy: Strategy,
        looks: Looks,
        watching: Watching,
        windows: Windows,
        draining: Draining,
        policies: ScalingPolicies,
        hooks: Hooks,
        marking: Marking,
    ) -> None:
        self.run = run
        self._facts = facts
        self._world = world
        self._strategy = strategy
        self._looks = looks
        self._watching = watching
        self._windows = windows
        self._draining = draining
        self._policies = policies
        self._hooks = hooks
        self._marking = marking

    @sentence("Attach it to the load balancer", phase="launching")
    async def attach(self) -> None:
        facts = self._facts
        if self._strategy.serves_at_once and facts.blue:
            await self._windows.until_open()
        membership = Membership(
            region=facts.region,
            group=facts.green,
            target_groups=facts.green_arns,
            visible_by=self.run.visible_by(GROUP, facts.green),
        )
        await self.run.do(Balancers.attach, membership)
        await self._policies.after_attach()

    @sentence("Wait until every instance is healthy", phase="waiting_healthy")
    async def preview(self) -> None:
        await self._strategy.preview()
        await self._hooks.ask("pre_cutover")

    @sentence("Shift the traffic, and watch it", phase="shifting", continued=True)
    async def shift(self) -> None:
        """Green is looked at once more first, since an approval may have taken days."""
        if self._facts.approval:
            await self._watching.confirm_healthy()
        await self._watching.just_seen()
        self._marking.prepare()
        if self._facts.blue:
            if self._facts.stack.watch.alarms:
                # An alarm that rings before green has any traffic is not its fault, and a reason
                # to change nothing now.
                await self._looks.alarms_and_metrics(workflow.now())
            await self._strategy.shift()
        await self._hooks.ask("post_cutover")

    @sentence(DRAIN_AND_PARK, phase="draining", continued=True)
    async def drain(self) -> None:
        """
        Until no request is in flight at blue, and AWS shows green as what serves. It can still be
        undone: blue is attached again.
        """
        # A run that was continued as new while blue drained has left already.
        if self._facts.blue and not self._world.now.left_at:
            await self._strategy.leave()
        await self._marking.mark()
        if self._facts.blue:
            await self._draining.until_drained()
            self.run.checklist.note("drained")
        await self._marking.until_seen()
        # Parking comes next and has no way back: an abort or a pause comes before it.
        await self.run.operator.gate()

    def shares(self) -> dict[str, int]:
        """Percent of the traffic by role, as far as it is known."""
        return self._strategy.shares()
