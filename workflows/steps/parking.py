"""The second half of sentence nine, behind the point of no return: park. Nothing here may fail the release: the version serves."""

from __future__ import annotations

from temporalio import workflow

from workflows.checklist import step
from workflows.policies import QUICK
from workflows.steps.base import FAILURES, describe
from workflows.steps.cutover import DRAIN_AND_PARK
from workflows.steps.releasing import ReleasingSteps
from workflows.steps.restoring import SLOWEST_LOOK

with workflow.unsafe.imports_passed_through():
    from activities.delivery import Delivery, ProtectImage
    from activities.fleets import DeleteWarmPool, Distribute, Fleets, PutWarmPool
    from activities.group_requests import GroupsRef, MarkGroups, OfStack, Resize, Unprotect
    from activities.groups import Groups
    from activities.schedules import MoveSchedule, Schedules
    from domain import capacity, names
    from domain.models import State

PROTECTS, MOVES, POOLS = "protect", "move-schedule", "warm-pool"


class ParkingSteps(ReleasingSteps):
    @step(DRAIN_AND_PARK, phase="parking")
    async def park(self) -> None:
        """
        Tags first: whatever happens then, the next release knows who serves. Launch is not suspended in what is parked.

        Its maximum is zero as well: a policy on the balancer's requests would wake it with green's load.
        """
        await self.tried("park the old deployment", self._park())
        await self._settle_the_fleets()
        if self.image and not self.image.protection and workflow.patched(PROTECTS):
            await self.tried(
                f"protect {self.image.id} against being deregistered", self._protect(self.image.id)
            )

    async def _protect(self, image: str) -> None:
        what = f"Protect {image} against being deregistered"
        await self.certainly(
            Delivery.protect_image, ProtectImage(region=self.region, id=image), QUICK, what=what
        )

    async def _park(self) -> None:
        green = self.groups.get(self.green)
        blue = self.groups.get(self.blue.name) if self.blue else None
        if green and green.min > self.green_min:
            await self.certainly(
                Groups.resize,
                Resize(region=self.region, group=self.green, min=self.green_min),
                what=f"{self.green} may scale in again",
            )
            self.groups[self.green] = green.model_copy(update={"min": self.green_min})
        if blue and workflow.patched(MOVES):
            moved = await self.certainly(
                Schedules.move_schedule,
                MoveSchedule(region=self.region, source=blue.name, target=self.green),
                what="Whose schedule is it?",
            )
            if moved:
                self.operator.notes.append(
                    f"the scheduled actions {', '.join(moved)} went from {blue.name} to {self.green}"
                )
            both = GroupsRef(region=self.region, names=(blue.name, self.green))
            await self.certainly(
                Groups.resume_az_rebalance, both, what="Both may be balanced over the zones again"
            )
        marks = {self.green: self.marks_of_serving()}
        if blue:
            original = capacity.own_minimum(self.blue.group if self.blue else blue)
            marks[blue.name] = {
                names.STATE: State.PARKED.value,
                names.RESTORE_MIN: str(original),
                names.RESTORE_MAX: str(blue.max),
                names.RESTORE_DESIRED: str(blue.desired),
                names.RESTORE_REBALANCE: "",
            }
        await self.certainly(
            Groups.mark,
            MarkGroups(region=self.region, tags=marks),
            what="Mark who serves and who is parked",
        )
        if blue and (
            protected := tuple(instance.id for instance in blue.instances if instance.protected)
        ):
            await self.certainly(
                Groups.unprotect,
                Unprotect(region=self.region, group=blue.name, instances=protected),
                what="Let them be ended",
            )
        if blue:
            await self.certainly(
                Groups.resize,
                Resize(region=self.region, group=blue.name, min=0, max=0, desired=0),
                what=f"{blue.name} to size zero",
            )
        await self._until_blue_is_empty()
        self.checklist.note(f"{blue.name} is parked" if blue else "nothing served before")

    async def _settle_the_fleets(self) -> None:
        """
        Green serves alone: Spot as the stack has it, and the warm pool is its own, since what is parked would keep one booted.

        Each on its own, and no refusal is asked about for a day: blue is parked already.
        """
        green, blue = (
            self.groups.get(self.green),
            self.groups.get(self.blue.name) if self.blue else None,
        )
        pool = self.stack.capacity.warm_pool
        if green and green.mixed and (mixed := self.stack.instance.mixed):
            ours = Distribute(region=self.region, group=self.green, mixed=mixed, on_demand=False)
            what = f"let Spot instances into {self.green}"
            await self.tried(
                what,
                self.certainly(
                    Fleets.distribute,
                    ours,
                    QUICK,
                    what="Spot instances, as far as the stack wants them",
                ),
            )
        if blue and blue.warm_pool and workflow.patched(POOLS):
            gone = DeleteWarmPool(region=self.region, group=blue.name)
            what = f"delete the warm pool of {blue.name}"
            await self.tried(
                what,
                self.certainly(
                    Fleets.delete_warm_pool, gone, QUICK, what=f"The warm pool of {blue.name} goes"
                ),
            )
            if not pool:
                self.operator.notes.append(
                    f"{blue.name} had a warm pool, and {self.green} has none: capacity.warm_pool would give it one"
                )
        if green and pool:
            mine = PutWarmPool(region=self.region, group=self.green, pool=pool)
            what = f"give {self.green} a warm pool"
            await self.tried(
                what,
                self.certainly(
                    Fleets.put_warm_pool, mine, QUICK, what=f"A warm pool for {self.green}"
                ),
            )

    async def _until_blue_is_empty(self) -> None:
        """The same read serves the prune: all deployments of the stack. What does not end in time is noted, and left to AWS."""
        interval = min(self.timeouts.first_poll, 0.3)
        deadline = workflow.time() + self.timeouts.drain
        while True:
            if self.blue:
                await workflow.sleep(interval, summary="until blue is looked at again")
            self.deployments = tuple(
                await self.certainly(
                    Groups.find_deployments,
                    OfStack(region=self.region, stack=self.stack.name),
                    what="Wait until blue is empty",
                )
            )
            blue = next(
                (d for d in self.deployments if self.blue and d.name == self.blue.name), None
            )
            if blue is None or not blue.group.instances:
                return
            self.groups[blue.name] = blue.group
            words = f"{len(blue.group.instances)} instances of {blue.name} are ending"
            if workflow.time() > deadline:
                self.operator.notes.append(
                    f"{words}, after {self.timeouts.drain:.0f} s still: is one protected from scale-in?"
                )
                return
            self.checklist.note(words)
            interval = min(SLOWEST_LOOK, interval * 1.5)

    async def tried(self, what: str, work: object) -> bool:
        try:
            await work  # type: ignore[misc]
        except FAILURES as error:
            self.operator.notes.append(f"could not {what}: {describe(error)}")
            return False
        return True
