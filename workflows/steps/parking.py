"""Park blue, after the point of no return. Nothing here may fail the release."""

from __future__ import annotations

from temporalio import workflow

from workflows.checklist import sentence
from workflows.failures import shielded
from workflows.policies import poll
from workflows.run import Run
from workflows.steps.restoring import LONGEST_INTERVAL
from workflows.steps.serving_alone import ServingAlone
from workflows.steps.traffic import DRAIN_AND_PARK
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import EmptyGroup, GroupsRef, MarkGroups, OfStack, Resize
    from activities.groups import Groups
    from activities.schedules import MoveSchedule, Schedules
    from domain import capacity, lifecycle, names
    from domain.facts import Facts
    from domain.models import Deployment, Group, Image, State

# Seconds, at most, until blue is looked at first: a small group is empty at once.
FIRST_LOOK = 0.3


class Parking:
    def __init__(self, run: Run, facts: Facts, world: World, serving_alone: ServingAlone) -> None:
        self.run = run
        self._facts = facts
        self._world = world
        self._serving_alone = serving_alone

    @sentence(DRAIN_AND_PARK, phase="parking")
    async def park(self, image: Image | None) -> tuple[Deployment, ...]:
        """
        Mark who serves, and park blue. `image` is green's. A cancel has no effect here.

        Returns the stack's deployments as they were seen last; none where that look failed.
        """
        return await shielded(self._park(image), self.run.note)

    async def _park(self, image: Image | None) -> tuple[Deployment, ...]:
        seen: list[Deployment] = []
        if await self.run.attempt("park the old deployment", self._retire_blue()):
            await self.run.attempt("see the old deployment empty", self._until_empty(seen))
        await self._serving_alone.settle(image)
        return tuple(seen)

    async def _retire_blue(self) -> None:
        """
        The marks come before blue's size: whatever happens then, the next release knows who serves.

        Blue's maximum becomes zero too, or a policy on the balancer's requests would wake it with
        green's load. Launch is not suspended, so that a rollback can wake it.
        """
        blue = self._world.group_of(self._facts.blue)
        await self._let_green_scale_in()
        if blue:
            await self._hand_over(blue)
        await self._mark(blue)
        if not blue:
            self.run.checklist.note("nothing served before")
            return
        zero = Resize(region=self._facts.region, group=blue.name, min=0, max=0, desired=0)
        await self.run.certainly(Groups.resize, zero, what=f"{blue.name} to size zero")

    async def _let_green_scale_in(self) -> None:
        green, least = self._world.groups.get(self._facts.green), self._facts.green_min
        if not green or green.min <= least:
            return
        resize = Resize(region=self._facts.region, group=green.name, min=least)
        what = f"{green.name} may scale in again"
        await self.run.certainly(Groups.resize, resize, what=what)
        self._world.saw_group(green.model_copy(update={"min": least}))

    async def _hand_over(self, blue: Group) -> None:
        """Blue's scheduled actions go to green, and AZRebalance is resumed in both."""
        green, region = self._facts.green, self._facts.region
        moved = await self.run.certainly(
            Schedules.move_schedule,
            MoveSchedule(region=region, source=blue.name, target=green),
            what="Move the scheduled actions",
        )
        if moved:
            actions = ", ".join(moved)
            self.run.note(f"the scheduled actions {actions} went from {blue.name} to {green}")
        both = GroupsRef(region=region, names=(blue.name, green))
        what = "Resume AZRebalance in both"
        await self.run.certainly(Groups.resume_az_rebalance, both, what=what)

    async def _mark(self, blue: Group | None) -> None:
        marks = {
            self._facts.green: {
                names.STATE: State.SERVING.value,
                names.SERVED_AT: workflow.now().isoformat(),
                names.RESTORE_MIN: "",
                names.WOKEN_BY: "",
                names.RESTORE_REBALANCE: "",
            }
        }
        if blue:
            before = self._facts.blue.group if self._facts.blue else blue
            marks[blue.name] = {
                names.STATE: State.PARKED.value,
                names.RESTORE_MIN: str(capacity.own_minimum(before)),
                names.RESTORE_MAX: str(blue.max),
                names.RESTORE_DESIRED: str(blue.desired),
                names.RESTORE_REBALANCE: "",
            }
        tags = MarkGroups(region=self._facts.region, tags=marks)
        what = "Mark who serves and who is parked"
        await self.run.certainly(Groups.mark, tags, what=what)

    async def _until_empty(self, seen: list[Deployment]) -> None:
        """
        `seen` becomes the last look. What keeps blue's instances is undone, once.

        What waits for a lifecycle hook ends without us, and stands in no rollback's way. What does
        not end in time is noted and left to AWS.
        """
        timeouts, name = self.run.timeouts, self._facts.blue.name if self._facts.blue else ""
        interval, freed = min(timeouts.first_poll, FIRST_LOOK), False
        deadline = workflow.time() + timeouts.drain
        stack = OfStack(region=self._facts.region, stack=self._facts.stack.name)
        while True:
            if name:
                await workflow.sleep(interval, summary="until blue is looked at again")
            what = "Wait until blue is empty"
            seen[:] = await self.run.certainly(Groups.find_deployments, stack, what=what)
            blue = next((d.group for d in seen if d.name == name), None)
            if blue is None or blue.instances == blue.lingering:
                break
            self._world.saw_group(blue)
            ending = f"{blue.instances} instances of {name} are ending"
            why = lifecycle.holds(blue)
            if workflow.time() > deadline:
                waited = f"after {timeouts.drain:.0f} s still"
                self.run.note(f"{ending}, {waited}{why and f': {why}'}")
                return
            self.run.checklist.note(ending)
            interval = min(LONGEST_INTERVAL, interval * 1.5)
            if why and not freed:
                freed = True
                await self._free(blue, why)
        if name:
            self.run.checklist.note(f"{name} is parked{_lingering(blue)}")

    async def _free(self, blue: Group, why: str) -> None:
        """Raises ActivityError where it cannot be emptied in the time of a drain."""
        empty = EmptyGroup(
            region=self._facts.region,
            name=blue.name,
            target_groups=self._facts.blue_arns,
            suspend_terminate=lifecycle.TERMINATE in blue.suspended,
        )
        self.run.note(f"{blue.name} would not become empty: {why}; that is undone")
        pace = poll(self.run.timeouts.confirm, self.run.timeouts.drain)
        await self.run.certainly(Groups.empty_group, empty, pace, what=f"Empty {blue.name}")


def _lingering(blue: Group | None) -> str:
    if blue is None or not blue.lingering:
        return ""
    return f"; {blue.lingering} of its instances wait for a lifecycle hook, and serve no more"
