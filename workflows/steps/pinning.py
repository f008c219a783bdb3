"""Keep blue as it is while both versions serve: pin its minimum, suspend AZRebalance."""

from __future__ import annotations

from temporalio import workflow

from workflows.run import Run
from workflows.way_back import Registers
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import MarkGroups, Pin
    from activities.groups import REBALANCE, Groups
    from domain import capacity, marks
    from domain.facts import Facts
    from domain.models import Group
    from domain.undo import UndoPin


class Pinning:
    def __init__(self, run: Run, facts: Facts, world: World, way_back: Registers) -> None:
        self._run = run
        self._facts = facts
        self._world = world
        self._way_back = way_back

    async def pin_blue(self) -> None:
        """
        Both will share the load from the attach on. Without this, blue's scaling policies would
        scale it in, an abort would find it too small, and AZRebalance would end good instances.
        """
        blue = self._world.group_of(self._facts.blue)
        if blue is None:
            return
        raise_minimum = capacity.is_below_its_size(blue)
        suspend = REBALANCE not in blue.suspended
        lacking = marks.missing(self._facts.blue.group) if self._facts.blue else {}
        if not (raise_minimum or suspend):
            await self._reserve(blue.name, lacking)
            return
        original = self._own_minimum(blue) if raise_minimum else None
        self._way_back.register(UndoPin(name=blue.name, minimum=original, resume=suspend))
        pin = Pin(
            region=self._facts.region,
            group=blue.name,
            minimum=blue.desired if raise_minimum else None,
            original=original,
            suspend_az_rebalance=suspend,
            marks=lacking,
        )
        what = f"Pin the minimum of {blue.name} while both serve"
        await self._run.do(Groups.pin_minimum, pin, what=what)

    async def _reserve(self, name: str, lacking: dict[str, str]) -> None:
        """Somebody's tags could take the room that the marks of the cutover need."""
        if lacking:
            tags = MarkGroups(region=self._facts.region, tags={name: lacking})
            await self._run.do(Groups.mark, tags, what=f"Reserve room for the marks of {name}")

    def _own_minimum(self, blue: Group) -> int:
        """A look leaves out the tags: they are as they were at admission."""
        assert self._facts.blue
        tags = self._facts.blue.group.tags
        return capacity.own_minimum(blue.model_copy(update={"tags": tags}))
