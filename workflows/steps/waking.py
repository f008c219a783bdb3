"""The first sentence of a rollback: wake the parked deployment, or launch its image again."""

from __future__ import annotations

from temporalio import workflow

from workflows.checklist import sentence
from workflows.run import Run
from workflows.steps.fleet import Fleet
from workflows.steps.looks import Looks
from workflows.steps.pinning import Pinning
from workflows.steps.scaling import ScalingPolicies
from workflows.way_back import Registers
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.fleets import Distribute, Fleets
    from activities.group_requests import MarkGroups, Pin, Resize
    from activities.groups import REBALANCE, Groups
    from domain import capacity, names
    from domain.facts import Facts
    from domain.models import Deployment, Image
    from domain.tags import size_tag
    from domain.undo import UndoWake


class Waking:
    """`image` is the image of the target, where it is still there."""

    def __init__(
        self,
        run: Run,
        facts: Facts,
        world: World,
        way_back: Registers,
        looks: Looks,
        pinning: Pinning,
        fleet: Fleet,
        policies: ScalingPolicies,
        image: Image | None,
    ) -> None:
        self.run = run
        self._facts = facts
        self._world = world
        self._way_back = way_back
        self._looks = looks
        self._pinning = pinning
        self._fleet = fleet
        self._policies = policies
        self._image = image

    @sentence("Wake the parked deployment (or launch its image again)", phase="launching")
    async def wake(self) -> Image | None:
        """
        As large as blue is now, whatever size it had when it was parked. Its minimum stays pinned
        while both serve. Returns its image, None where that is gone.
        """
        await self._looks.before_a_rollback()
        await self._pinning.pin_blue()
        if self._facts.woken:
            size = await self._wake(self._facts.woken)
            self.run.checklist.note(f"{self._facts.green}, {size} instances")
            return self._image
        assert self._image
        await self._fleet.make_template(self._image)
        size = await self._fleet.make_group()
        await self._policies.before_attach()
        self.run.checklist.note(
            f"{self._facts.green}, {size} instances, from {self._image.id}: its group is gone"
        )
        return self._image

    async def _wake(self, parked: Deployment) -> int:
        region, stack = self._facts.region, self._facts.stack
        blue = self._world.group_of(self._facts.blue)
        size = capacity.needed(blue, stack.capacity)
        # A fleet that slept when it was parked had the sizes of its sleep.
        recorded = size_tag(parked.group.tags, names.RESTORE_MAX) or 0
        largest = max(recorded, stack.capacity.max)
        suspend = REBALANCE not in parked.group.suspended
        mixed = stack.instance.mixed if parked.group.mixed else None
        self._way_back.register(
            UndoWake(
                name=parked.name,
                target_groups=self._facts.green_arns,
                resume=suspend,
                mixed=mixed is not None,
            )
        )
        # Marked before it grows: a sweep that finds it awake then knows that it was parked.
        tags = MarkGroups(region=region, tags={parked.name: {names.WOKEN_BY: self._facts.owner}})
        await self.run.do(Groups.mark, tags, what="Mark which run wakes it")
        if suspend:
            pin = Pin(
                region=region,
                group=parked.name,
                minimum=None,
                original=None,
                suspend_az_rebalance=True,
            )
            what = "Suspend its AZRebalance while both serve"
            await self.run.do(Groups.pin_minimum, pin, what=what)
        if mixed:
            # Spot instances may not be available at such a moment.
            on_demand = Distribute(region=region, group=parked.name, mixed=mixed, on_demand=True)
            what = "On-demand instances until it serves alone"
            await self.run.do(Fleets.distribute, on_demand, what=what)
        resize = Resize(
            region=region, group=parked.name, min=size, max=max(size, largest), desired=size
        )
        await self.run.do(Groups.resize, resize)
        return size
