"""The first sentence of a rollback: wake what is parked, or launch its image again."""

from __future__ import annotations

from temporalio import workflow

from workflows.checklist import step
from workflows.operator import Operator
from workflows.policies import poll_certainly
from workflows.steps.making import GROUP, HOLDS, MakingSteps
from workflows.steps.releasing import Admitted

with workflow.unsafe.imports_passed_through():
    from activities.fleets import Distribute, Fleets
    from activities.group_requests import GroupRef, GroupsRef, MarkGroups, Pin, Resize
    from activities.groups import REBALANCE, Groups
    from domain import capacity, names
    from domain.models import Deployment, Image


class WakingSteps(MakingSteps):
    kind = "rollback"

    def __init__(
        self, operator: Operator, admitted: Admitted, target: Deployment | None, image: Image | None
    ) -> None:
        super().__init__(operator, admitted)
        self.target, self.image = target, image
        self.approval_needed = self.stack.approval and self.stack.approving.rollbacks
        if target:
            self.green = target.name
            self.green_min = int(
                target.group.tags.get(names.RESTORE_MIN) or self.stack.capacity.min
            )

    @step("Wake the parked deployment (or launch its image again)", phase="launching")
    async def wake(self) -> None:
        """As large as blue is now, whatever it was when it was parked; its minimum stays pinned while both serve."""
        await self.pin_blue()
        if self.target:
            size = await self._wake(self.target)
            self.checklist.note(f"{self.green}, {size} instances")
            return
        assert self.image
        await self.make_template(self.image)
        size = await self.make_group()
        await self.make_policies()
        self.checklist.note(
            f"{self.green}, {size} instances, from {self.image.id}: its group is gone"
        )

    async def _wake(self, target: Deployment) -> int:
        size = capacity.needed(
            self.groups.get(self.blue.name) if self.blue else None, self.stack.capacity
        )
        parked_max = int(target.group.tags.get(names.RESTORE_MAX) or self.stack.capacity.max)
        self.before(
            f"park {target.name} again",
            lambda: self._park_again(target),
            f"{names.membership_by_hand('detach', target.name, self.traffic.green_arns)}; aws autoscaling update-auto-scaling-group --auto-scaling-group-name {target.name} "
            "--min-size 0 --max-size 0 --desired-capacity 0",
        )
        # Marked before it grows: whoever finds it awake without a run that woke it knows that it was asleep.
        await self.do(
            Groups.mark,
            MarkGroups(region=self.region, tags={target.name: {names.WOKEN_BY: self.release}}),
            what="Mark who wakes it",
        )
        if REBALANCE not in target.group.suspended and workflow.patched(HOLDS):
            still = Pin(
                region=self.region,
                group=target.name,
                minimum=None,
                original=None,
                suspend_az_rebalance=True,
            )
            await self.do(
                Groups.pin_minimum, still, what="Its instances stay in their zones while both serve"
            )
        if target.group.mixed and (mixed := self.stack.instance.mixed):
            # Spot may not be had at such a moment.
            steady = Distribute(region=self.region, group=target.name, mixed=mixed, on_demand=True)
            await self.do(Fleets.distribute, steady, what="On demand until it serves alone")
        await self.do(
            Groups.resize,
            Resize(
                region=self.region,
                group=target.name,
                min=size,
                max=max(size, parked_max),
                desired=size,
            ),
        )
        return size

    async def _park_again(self, target: Deployment) -> None:
        """To size zero first, which deregisters and drains each instance before it ends; then out of the balancer, empty."""
        ref = GroupRef(region=self.region, name=target.name)
        await self.certainly(
            Groups.empty_group, ref, poll_certainly(self.timeouts.confirm, self.way_back)
        )
        if REBALANCE not in target.group.suspended and workflow.patched(HOLDS):
            await self.certainly(
                Groups.resume_az_rebalance, GroupsRef(region=self.region, names=(target.name,))
            )
        if target.group.mixed and (mixed := self.stack.instance.mixed):
            await self.certainly(
                Fleets.distribute,
                Distribute(region=self.region, group=target.name, mixed=mixed, on_demand=False),
            )
        asleep = {names.WOKEN_BY: "", names.RESTORE_REBALANCE: ""}
        await self.certainly(
            Groups.mark, MarkGroups(region=self.region, tags={target.name: asleep})
        )
        self.gone(GROUP, f"{target.name} awake")
