"""Park blue, after the point of no return. Nothing here may fail the release."""

from __future__ import annotations

from collections.abc import Awaitable

from temporalio import workflow

from workflows.checklist import sentence
from workflows.failures import FAILURES, describe, shielded
from workflows.policies import QUICK, poll
from workflows.run import Run
from workflows.steps.restoring import LONGEST_INTERVAL
from workflows.steps.seen_ending import SeenEnding
from workflows.steps.serving_alone import ServingAlone
from workflows.steps.traffic import DRAIN_AND_PARK
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import EmptyGroup, GroupsRef, MarkGroups, Resize
    from activities.groups import REBALANCE, Groups
    from activities.observer import ObserveParking, Observer
    from activities.schedules import MoveSchedule, Schedules
    from domain import lifecycle, names
    from domain.facts import Facts
    from domain.models import Deployment, Group, Image

# Seconds, at most, until blue is looked at first: a small group is empty at once.
FIRST_LOOK = 0.3


class Parking:
    def __init__(
        self,
        run: Run,
        facts: Facts,
        world: World,
        serving_alone: ServingAlone,
        seen_ending: SeenEnding,
    ) -> None:
        self.run = run
        self._facts = facts
        self._world = world
        self._serving_alone = serving_alone
        self._seen_ending = seen_ending

    @sentence(DRAIN_AND_PARK, phase="parking")
    async def park(self, image: Image | None) -> tuple[Deployment, ...]:
        """
        Park blue, which is marked as parked. `image` is green's. A cancel has no effect here.

        Returns the stack's deployments as they were seen last; none where that look failed.
        """
        return await shielded(self._park(image), self.run.note)

    async def _park(self, image: Image | None) -> tuple[Deployment, ...]:
        """Each change by itself: what AWS refuses of one is noted, and keeps none of the others."""
        seen: list[Deployment] = []
        blue = self._world.group_of(self._facts.blue)
        if blue:
            await self._move_schedule(blue)
        await self._release_green()
        if not blue:
            self.run.checklist.note("nothing served before")
        if not blue or await self._retire(blue):
            await self.run.attempt("see the old deployment empty", self._until_empty(seen))
        await self._serving_alone.settle(image)
        return tuple(seen)

    async def _retire(self, blue: Group) -> bool:
        """
        Blue's maximum becomes zero too, or a policy on the balancer's requests would wake it with
        green's load. Launch is not suspended, so that a rollback can wake it.
        """
        if not self._world.is_fresh:
            # AWS may have refused what came before for long.
            ending = await self._seen_ending.after_cutover()
            if ending.broken:
                self.run.note(f"{blue.name} keeps its size: {ending.broken}")
                return False
        return await self._attempt("park the old deployment", self._to_zero(blue))

    async def _to_zero(self, blue: Group) -> None:
        zero = Resize(region=self._facts.region, group=blue.name, min=0, max=0, desired=0)
        await self.run.certainly(Groups.resize, zero, what=f"{blue.name} to size zero")

    def _was_raised(self, blue: Group, waited: float) -> bool:
        """Sizes as they were before may be what AWS still shows of that moment."""
        before = self._world.group_of(self._facts.blue)
        sizes = (blue.min, blue.desired, blue.max)
        still = before and sizes == (before.min, before.desired, before.max)
        return bool(any(sizes) and not (still and waited < self.run.timeouts.consistency_grace))

    async def _zero_again(self, blue: Group) -> None:
        """A scheduled action or a person has raised its sizes since it was parked."""
        sizes = f"{blue.min}/{blue.desired}/{blue.max}"
        self.run.note(
            f"{blue.name} was set to {sizes} (minimum, desired, maximum) while it was being "
            "parked, by a scheduled action or a person: it is set to zero again"
        )
        await self._to_zero(blue)

    async def _attempt(self, what: str, work: Awaitable[object]) -> bool:
        """What could not be done is what a sweep finds."""
        done = await self.run.attempt(what, work)
        if not done:
            stack = self._facts.stack.name
            self.run.note(f"`ovenbird sweep {stack}` shows what that left, and --apply clears it")
        return done

    async def _release_green(self) -> None:
        """It may scale in again, and AZRebalance is resumed. Then neither is written down."""
        green, least = self._world.groups.get(self._facts.green), self._facts.green_min
        restored: dict[str, str] = {}
        if not green or green.min <= least or await self._lower_minimum(green, least):
            restored[names.RESTORE_MIN] = ""
        if self._has_suspended_az_rebalance() and await self._resume_az_rebalance():
            restored[names.RESTORE_REBALANCE] = ""
        if restored:
            tags = MarkGroups(region=self._facts.region, tags={self._facts.green: restored})
            what = "What is restored is no longer written down"
            call = self.run.certainly(Groups.mark, tags, QUICK, what=what)
            await self._attempt("take down what was to be restored", call)

    async def _lower_minimum(self, green: Group, least: int) -> bool:
        resize = Resize(region=self._facts.region, group=green.name, min=least)
        what = f"{green.name} may scale in again"
        call = self.run.certainly(Groups.resize, resize, QUICK, what=what)
        done = await self._attempt(f"let {green.name} scale in again", call)
        if done:
            self._world.saw_group(green.model_copy(update={"min": least}))
        return done

    def _has_suspended_az_rebalance(self) -> bool:
        """Was it this run, or the one that parked the woken group?"""
        woken = self._facts.woken
        if not woken:
            return self._facts.blue is not None
        tagged = bool(woken.group.tags.get(names.RESTORE_REBALANCE))
        return tagged or REBALANCE not in woken.group.suspended

    async def _resume_az_rebalance(self) -> bool:
        """In green alone: a parked blue has no instances, and a rollback would suspend it again."""
        green = GroupsRef(region=self._facts.region, names=(self._facts.green,))
        what = "Resume AZRebalance"
        call = self.run.certainly(Groups.resume_az_rebalance, green, QUICK, what=what)
        return await self._attempt(f"resume AZRebalance of {self._facts.green}", call)

    async def _move_schedule(self, blue: Group) -> None:
        """What AWS refuses of it stays at blue, and would wake it."""
        moving = MoveSchedule(region=self._facts.region, source=blue.name, target=self._facts.green)
        what = "Move the scheduled actions"
        call = self.run.certainly(Schedules.move_schedule, moving, QUICK, what=what)
        try:
            moved = await call
        except FAILURES as error:
            self.run.note(
                f"could not move all scheduled actions from {blue.name} to {self._facts.green}: "
                f"{describe(error)}; move them by hand, or they will wake {blue.name}"
            )
            return
        if moved:
            actions = ", ".join(moved)
            self.run.note(
                f"the scheduled actions {actions} went from {blue.name} to {moving.target}"
            )

    async def _until_empty(self, seen: list[Deployment]) -> None:
        """
        `seen` becomes the last look. What keeps blue's instances is undone, once.

        What waits for a lifecycle hook ends without us, and stands in no rollback's way. What does
        not end in time is noted and left to AWS.
        """
        timeouts, name = self.run.timeouts, self._facts.blue.name if self._facts.blue else ""
        interval, freed = min(timeouts.first_poll, FIRST_LOOK), False
        started = workflow.time()
        deadline = started + timeouts.drain
        look = ObserveParking(
            region=self._facts.region,
            stack=self._facts.stack.name,
            parked=name or None,
            wiring=self._facts.wiring,
        )
        while True:
            if name:
                await workflow.sleep(interval, summary="until blue is looked at again")
            what = "Wait until blue is empty"
            found = await self.run.certainly(Observer.observe_parking, look, what=what)
            seen[:] = found.deployments
            self._world.saw_who_answers(found.places)
            blue = next((d.group for d in seen if d.name == name), None)
            if blue is None or lifecycle.is_empty(blue):
                break
            if self._was_raised(blue, workflow.time() - started):
                await self._zero_again(blue)
            else:
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
