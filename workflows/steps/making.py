"""What a release and a rollback make alike: template, group and policies of green, and blue's pinned minimum. No sentences."""

from __future__ import annotations

from temporalio import workflow

from workflows.policies import poll_certainly
from workflows.steps.releasing import ReleasingSteps

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import EnsureGroup, Pin, PutPolicies, RemoveGroup, Unpin
    from activities.groups import REBALANCE, Groups
    from activities.templates import EnsureTemplate, TemplateRef, Templates
    from domain import capacity, names
    from domain.models import Image

# Since a release keeps AZRebalance from moving instances; one that began before is finished as it began.
HOLDS = "hold-still"
GROUP, TEMPLATE, CONFIGURATION = "Auto Scaling group", "launch template", "launch configuration"


class MakingSteps(ReleasingSteps):
    async def make_template(self, image: Image) -> None:
        template = EnsureTemplate(
            region=self.region,
            name=self.green,
            image=image.id,
            instance=self.stack.instance,
            tags=self.tags,
            token=names.token(self.release, "template"),
        )
        if self.stack.launch == "configuration":
            self.before(
                "delete the launch configuration",
                lambda: self._delete_template(CONFIGURATION),
                f"aws autoscaling delete-launch-configuration --launch-configuration-name {self.green}",
            )
            async with self.making(CONFIGURATION, self.green):
                await self.do(Templates.ensure_launch_configuration, template)
        else:
            self.before(
                "delete the launch template",
                lambda: self._delete_template(TEMPLATE),
                f"aws ec2 delete-launch-template --launch-template-name {self.green}",
            )
            async with self.making(TEMPLATE, self.green):
                await self.do(Templates.ensure_launch_template, template)

    async def make_group(self) -> int:
        """Its size: as large as blue is now."""
        size = capacity.needed(
            self.groups.get(self.blue.name) if self.blue else None, self.stack.capacity
        )
        least, most = capacity.bounds(size, self.stack.capacity)
        self.before(
            f"remove {self.green}",
            self._remove_group,
            f"aws autoscaling update-auto-scaling-group --min-size 0 --desired-capacity 0 --auto-scaling-group-name {self.green}, "
            f"and once it is empty: aws autoscaling delete-auto-scaling-group --auto-scaling-group-name {self.green}",
        )
        async with self.making(GROUP, self.green):
            await self.do(
                Groups.ensure_group,
                EnsureGroup(
                    region=self.region,
                    name=self.green,
                    launch=self.green,
                    configuration=self.stack.launch == "configuration",
                    subnets=self.stack.network.subnets,
                    min=least,
                    max=most,
                    desired=size,
                    health_check_grace=self.stack.load_balancer.health_check_grace,
                    tags=self.tags
                    | {
                        names.RESTORE_MIN: str(self.green_min),
                        names.RESTORE_REBALANCE: "true" if self.blue else "",
                    },
                    warmup=self.stack.capacity.warmup,
                    mixed=self.stack.instance.mixed,
                    lifecycle_hooks=self.stack.lifecycle_hooks,
                    suspend_az_rebalance=self.blue is not None,
                ),
            )
        return size

    async def make_policies(self) -> bool:
        """Those that need no balancer; were there any?"""
        policies = tuple(policy for policy in self.stack.scaling if policy.metric != "requests")
        if policies:
            await self.do(
                Groups.put_policies,
                PutPolicies(
                    region=self.region,
                    group=self.green,
                    policies=policies,
                    visible_by=self.visible_by(GROUP, self.green),
                ),
            )
        return bool(policies)

    async def pin_blue(self) -> None:
        """
        Both will share the load from the attach on: blue's policies would scale it in, and an abort would find it small.

        Nor are its instances moved between zones: that ends a good one, or starts one that blue does not need.
        """
        blue = self.groups.get(self.blue.name) if self.blue else None
        if blue is None:
            return
        pin = blue.min < blue.desired
        hold = REBALANCE not in blue.suspended and workflow.patched(HOLDS)
        if not (pin or hold):
            return
        minimum = capacity.own_minimum(blue) if pin else None
        original = Unpin(
            region=self.region, group=blue.name, original=minimum, resume_az_rebalance=hold
        )
        by_hand = (
            [
                f"aws autoscaling update-auto-scaling-group --auto-scaling-group-name {blue.name} --min-size {minimum}"
            ]
            if pin
            else []
        )
        by_hand += (
            [
                f"aws autoscaling resume-processes --auto-scaling-group-name {blue.name} --scaling-processes {REBALANCE}"
            ]
            if hold
            else []
        )
        self.before(
            f"restore the minimum of {blue.name}, and that it is balanced over the zones",
            lambda: self.certainly(Groups.unpin_minimum, original),
            "; ".join(by_hand),
        )
        await self.do(
            Groups.pin_minimum,
            Pin(
                region=self.region,
                group=blue.name,
                minimum=blue.desired if pin else None,
                original=minimum,
                suspend_az_rebalance=hold,
            ),
            what=f"Pin the minimum of {blue.name} while both serve",
        )

    async def _delete_template(self, kind: str) -> None:
        delete = (
            Templates.delete_launch_template
            if kind == TEMPLATE
            else Templates.delete_launch_configuration
        )
        mine = TemplateRef(
            region=self.region, name=self.green, visible_by=self.visible_by(kind, self.green)
        )
        await self.certainly(delete, mine, poll_certainly(self.timeouts.confirm, self.way_back))
        self.gone(kind, self.green)

    async def _remove_group(self) -> None:
        mine = RemoveGroup(
            region=self.region,
            name=self.green,
            release=self.release,
            visible_by=self.visible_by(GROUP, self.green),
        )
        await self.certainly(
            Groups.remove_group, mine, poll_certainly(self.timeouts.confirm, self.way_back)
        )
        self.gone(GROUP, self.green)
