"""The strategies attach and classic: green joins blue's balancers, and then blue leaves them."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from workflows.run import Run
from workflows.steps.watching import Watching
from workflows.way_back import Registers
from workflows.world import World

# Settings are not read again so soon after the pre-flight checks.
JUST_BEGUN = timedelta(minutes=1)

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, Membership
    from activities.draining import FindDrainage
    from domain import traffic
    from domain.facts import Facts
    from domain.undo import UndoDetach


class Leaving:
    """Blue leaves its target groups, and drains."""

    def __init__(
        self, run: Run, facts: Facts, world: World, way_back: Registers, watching: Watching
    ) -> None:
        self._run = run
        self._facts = facts
        self._world = world
        self._way_back = way_back
        self._watching = watching

    async def detach_blue(self) -> None:
        facts = self._facts
        if not facts.blue:
            return
        blue = facts.blue.name
        await self._read_drainage()
        await self._watching.just_seen()
        self._way_back.register(UndoDetach(name=blue, target_groups=facts.blue_arns))
        membership = Membership(region=facts.region, group=blue, target_groups=facts.blue_arns)
        await self._run.do(Balancers.detach, membership)
        self._world.has_left()

    async def _read_drainage(self) -> None:
        """Somebody may have changed it since the release began, unless that was a moment ago."""
        if self._run.chain.age <= JUST_BEGUN and not self._facts.approval:
            return
        find = FindDrainage(region=self._facts.region, target_groups=self._facts.blue_arns)
        what = "How long does blue drain?"
        found = await self._run.do(Balancers.find_drainage, find, what=what)
        if found.warning and found.warning not in self._run.operator.notes:
            self._run.note(found.warning)
        if found.seconds > self._run.timeouts.drain:
            self._run.note(
                f"the load balancer drains for {found.seconds:.0f} s by now, longer than "
                f"timeouts.drain ({self._run.timeouts.drain:.0f} s): it is waited for"
            )
        self._world.drains_for(found.seconds)


class Attach:
    """Both versions serve from the attach of green until blue has left."""

    serves_at_once = True
    until_approval = "both versions serve until the approval, which lets blue leave"

    def __init__(self, facts: Facts, world: World, leaving: Leaving, watching: Watching) -> None:
        self._facts = facts
        self._world = world
        self._leaving = leaving
        self._watching = watching

    async def preview(self) -> None:
        """Green has its share of the traffic already."""

    async def shift(self) -> None:
        await self._leaving.detach_blue()

    async def leave(self) -> None:
        """Blue has left: that was the shift."""

    async def leave_again(self) -> None:
        await self._leaving.detach_blue()

    async def keep_rules(self) -> None:
        """There are none."""

    async def hold(self, *, insist: bool = False) -> None:  # noqa: ARG002 (there are no weights)
        await self._watching.just_seen()

    def shares(self) -> dict[str, int]:
        """By healthy targets: a balancer gives each of them the same share."""
        sides = {
            "blue": self._facts.blue.name if self._facts.blue else "",
            "green": self._facts.green,
        }
        healthy = {}
        for role, name in sides.items():
            group, arns = self._world.groups.get(name), self._facts.arns_of(name)
            looked = group.health if group and not traffic.detached(group, arns) else None
            if looked and looked.asked:
                healthy[role] = looked.targets
        return traffic.shares(healthy)
