"""Sentences two to four: green's launch template, its Auto Scaling group, its scaling policies."""

from __future__ import annotations

from temporalio import workflow

from workflows.checklist import sentence
from workflows.run import Run
from workflows.steps.compensations import GROUP
from workflows.steps.pinning import Pinning
from workflows.steps.scaling import ScalingPolicies
from workflows.way_back import Registers
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import EnsureGroup
    from activities.groups import Groups
    from activities.templates import EnsureTemplate, Templates
    from domain import capacity, names
    from domain.facts import Facts
    from domain.models import Image
    from domain.undo import UndoGroup, UndoTemplate


class Fleet:
    def __init__(
        self,
        run: Run,
        facts: Facts,
        world: World,
        way_back: Registers,
        pinning: Pinning,
        policies: ScalingPolicies,
    ) -> None:
        self.run = run
        self._facts = facts
        self._world = world
        self._way_back = way_back
        self._pinning = pinning
        self._policies = policies

    @sentence(
        "Create a launch template (or launch configuration) from the image", phase="launching"
    )
    async def create_template(self, image: Image) -> None:
        await self.make_template(image)

    @sentence("Create an Auto Scaling group from it, as large as blue is now", phase="launching")
    async def create_group(self) -> None:
        await self._pinning.pin_blue()
        size = await self.make_group()
        self.run.checklist.note(f"{self._facts.green}, {size} instances")

    @sentence("Set its scaling policies", phase="launching")
    async def set_scaling_policies(self) -> None:
        if await self._policies.before_attach():
            return
        any_after = bool(self._facts.stack.scaling)
        later = "the stack has none that can be set before the attach"
        self.run.checklist.skip(later if any_after else "the stack has none")

    async def make_template(self, image: Image) -> None:
        facts = self._facts
        configuration = facts.stack.launch == "configuration"
        template = EnsureTemplate(
            region=facts.region,
            name=facts.green,
            image=image.id,
            instance=facts.stack.instance,
            tags=facts.tags,
            token=names.token(facts.owner, "template"),
        )
        undo = UndoTemplate(name=facts.green, configuration=configuration)
        self._way_back.register(undo)
        async with self.run.making(undo.kind, facts.green):
            if configuration:
                await self.run.do(Templates.ensure_launch_configuration, template)
            else:
                await self.run.do(Templates.ensure_launch_template, template)

    async def make_group(self) -> int:
        """As large as blue is now. Returns that size."""
        facts, stack = self._facts, self._facts.stack
        blue = self._world.group_of(facts.blue)
        size = capacity.needed(blue, stack.capacity)
        least, most = capacity.bounds(size, stack.capacity)
        marks = dict.fromkeys(names.MARKS, "") | {
            names.RESTORE_MIN: str(facts.green_min),
            names.RESTORE_REBALANCE: "true" if facts.blue else "",
        }
        group = EnsureGroup(
            region=facts.region,
            name=facts.green,
            launch=facts.green,
            configuration=stack.launch == "configuration",
            subnets=stack.network.subnets,
            min=least,
            max=most,
            desired=size,
            health_check_grace=stack.load_balancer.health_check_grace,
            tags=facts.tags,
            marks=marks,
            warmup=stack.capacity.warmup,
            mixed=stack.instance.mixed,
            lifecycle_hooks=stack.lifecycle_hooks,
            suspend_az_rebalance=facts.blue is not None,
        )
        self._way_back.register(UndoGroup(name=facts.green, target_groups=facts.green_arns))
        async with self.run.making(GROUP, facts.green):
            await self.run.do(Groups.ensure_group, group)
        return size
