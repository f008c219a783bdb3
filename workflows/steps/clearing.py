"""How a sweep clears each kind of finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from temporalio import workflow

from workflows.policies import poll
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from activities.builders import Builders, OfRelease
    from activities.fleets import DeleteWarmPool, Fleets
    from activities.group_requests import EmptyGroup, MarkGroups, RemoveGroup, Unpin
    from activities.groups import Groups
    from activities.images import Images, SnapshotRef
    from activities.templates import TemplateRef, Templates
    from domain import lifecycle, names
    from domain.capacity import own_minimum
    from domain.config import Stack
    from domain.models import Group
    from domain.sweep import Finding, Inventory

A = TypeVar("A")


class Clearing:
    def __init__(self, run: Run, stack: Stack, inventory: Inventory) -> None:
        self._run = run
        self._stack = stack
        self._groups = {d.name: d.group for d in inventory.deployments}
        self._arns = inventory.target_groups

    async def clear(self, finding: Finding) -> None:
        """Raises ActivityError where it cannot be cleared within the sweep's time limit."""
        match finding.action:
            case "park":
                await self._park(finding.name)
            case "remove group":
                await self._remove_group(finding)
            case "remove template":
                await self._delete_template(finding.name)
            case "unpin":
                await self._unpin(finding.name)
            case "remove bake":
                await self._remove_bake(finding.release)
            case "remove snapshot":
                snapshot = SnapshotRef(region=self._stack.region, id=finding.name)
                await self._polled(Images.delete_snapshot, snapshot, f"Delete {finding.name}")
            case _:
                raise AssertionError(f"{finding.action} is not cleared by itself")

    async def _park(self, name: str) -> None:
        region = self._stack.region
        empty = EmptyGroup(
            region=region,
            name=name,
            target_groups=self._arns,
            suspend_terminate=lifecycle.TERMINATE in self._groups[name].suspended,
        )
        await self._polled(Groups.empty_group, empty, f"Park {name}")
        if self._groups[name].warm_pool:
            pool = DeleteWarmPool(region=region, group=name)
            await self._polled(Fleets.delete_warm_pool, pool)
        tags = MarkGroups(region=region, tags={name: {names.WOKEN_BY: ""}})
        await self._polled(Groups.mark, tags)

    async def _remove_group(self, finding: Finding) -> None:
        """A launch configuration carries no tag: the group that used it says whose it is."""
        name, region = finding.name, self._stack.region
        remove = RemoveGroup(
            region=region, name=name, release=finding.release, target_groups=self._arns
        )
        await self._polled(Groups.remove_group, remove, f"Remove {name}")
        group: Group = self._groups[name]
        if group.launch_template == name:
            await self._delete_template(name)
        if group.launch_configuration == name:
            configuration = TemplateRef(region=region, name=name)
            await self._polled(Templates.delete_launch_configuration, configuration)

    async def _delete_template(self, name: str) -> None:
        template = TemplateRef(region=self._stack.region, name=name)
        await self._polled(Templates.delete_launch_template, template)

    async def _unpin(self, name: str) -> None:
        group = self._groups[name]
        original = Unpin(
            region=self._stack.region,
            group=name,
            original=own_minimum(group),
            resume_az_rebalance=bool(group.tags.get(names.RESTORE_REBALANCE)),
        )
        await self._polled(Groups.unpin_minimum, original)

    async def _remove_bake(self, release: str) -> None:
        bake = OfRelease(region=self._stack.region, release=release)
        terminate = f"Terminate the builder of {release}"
        await self._polled(Builders.destroy_builders, bake, terminate)
        delete = f"Delete the security group of {release}"
        await self._polled(Builders.delete_security_groups, bake, delete)

    async def _polled(
        self, activity: Callable[[Any, A], object], argument: A, what: str = ""
    ) -> None:
        pace = poll(self._run.timeouts.confirm, self._run.timeouts.way_back)
        await self._run.do(activity, argument, pace, what=what)
