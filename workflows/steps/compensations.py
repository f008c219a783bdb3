"""The closed list of compensations: what each kind of `domain.undo` does."""

from __future__ import annotations

from typing import assert_never

from temporalio import workflow

from workflows.run import Run
from workflows.steps.last_look import LastLook
from workflows.steps.shared_bake import SharedBake
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.fleets import Distribute, Fleets
    from activities.group_requests import EmptyGroup, GroupsRef, MarkGroups, RemoveGroup, Unpin
    from activities.groups import Groups
    from activities.rules import PointRules, Rules
    from activities.templates import TemplateRef, Templates
    from domain import lifecycle, names
    from domain.facts import Facts
    from domain.undo import (
        AnyUndo,
        UndoBake,
        UndoDetach,
        UndoGroup,
        UndoMark,
        UndoPin,
        UndoPreview,
        UndoShift,
        UndoTemplate,
        UndoWake,
    )

GROUP = "Auto Scaling group"


class Compensations:
    """`bake` is None in a rollback, which bakes nothing."""

    def __init__(
        self,
        run: Run,
        facts: Facts,
        world: World,
        last_look: LastLook,
        bake: SharedBake | None,
    ) -> None:
        self._run = run
        self._facts = facts
        self._world = world
        self._last_look = last_look
        self._bake = bake

    async def carry_out(self, undo: AnyUndo) -> None:
        """Raises ActivityError or an OvenbirdError where it cannot."""
        match undo:
            case UndoBake():
                assert self._bake
                await self._bake.leave()
            case UndoTemplate():
                await self._delete_template(undo)
            case UndoGroup():
                await self._remove_group(undo)
            case UndoPin():
                await self._unpin(undo)
            case UndoWake():
                await self._park_again(undo)
            case UndoMark():
                await self._mark_as_before(undo)
            case UndoPreview():
                await self._point_preview(undo)
            case UndoShift():
                await self._last_look.give_blue_the_traffic(undo.rules)
            case UndoDetach():
                await self._last_look.blue_is_back()
            case _:
                assert_never(undo)

    async def _delete_template(self, undo: UndoTemplate) -> None:
        template = TemplateRef(
            region=self._facts.region,
            name=undo.name,
            visible_by=self._run.visible_by(undo.kind, undo.name),
        )
        if undo.configuration:
            await self._run.until_gone(Templates.delete_launch_configuration, template)
        else:
            await self._run.until_gone(Templates.delete_launch_template, template)
        self._run.ledger.gone(undo.kind, undo.name)

    async def _remove_group(self, undo: UndoGroup) -> None:
        await self._last_look.before_green_leaves()
        group = RemoveGroup(
            region=self._facts.region,
            name=undo.name,
            release=self._facts.owner,
            target_groups=undo.target_groups,
            visible_by=self._run.visible_by(GROUP, undo.name),
        )
        await self._run.until_gone(Groups.remove_group, group)
        self._run.ledger.gone(GROUP, undo.name)

    async def _unpin(self, undo: UndoPin) -> None:
        original = Unpin(
            region=self._facts.region,
            group=undo.name,
            original=undo.minimum,
            resume_az_rebalance=undo.resume,
        )
        await self._run.certainly(Groups.unpin_minimum, original)

    async def _park_again(self, undo: UndoWake) -> None:
        """Out of the load balancer first; then to size zero, whatever keeps its instances."""
        await self._last_look.before_green_leaves()
        region, parked = self._facts.region, self._facts.woken
        empty = EmptyGroup(
            region=region,
            name=undo.name,
            target_groups=undo.target_groups,
            suspend_terminate=parked is not None and lifecycle.TERMINATE in parked.group.suspended,
        )
        await self._run.until_gone(Groups.empty_group, empty)
        if undo.resume:
            group = GroupsRef(region=region, names=(undo.name,))
            await self._run.certainly(Groups.resume_az_rebalance, group)
        if undo.mixed and (mixed := self._facts.stack.instance.mixed):
            spot = Distribute(region=region, group=undo.name, mixed=mixed, on_demand=False)
            await self._run.certainly(Fleets.distribute, spot)
        cleared = {names.WOKEN_BY: ""} | ({names.RESTORE_REBALANCE: ""} if undo.resume else {})
        tags = MarkGroups(region=region, tags={undo.name: cleared})
        await self._run.certainly(Groups.mark, tags)
        self._run.ledger.gone(GROUP, f"{undo.name} awake")

    async def _mark_as_before(self, undo: UndoMark) -> None:
        if self._world.now.marked:
            marks = MarkGroups(region=self._facts.region, tags=undo.tags)
            await self._run.certainly(Groups.mark, marks, what="Mark who served before")

    async def _point_preview(self, undo: UndoPreview) -> None:
        weights = {rule.arn: rule.weights for rule in undo.rules}
        blue = PointRules(region=self._facts.region, weights=weights)
        await self._run.certainly(Rules.point_rules, blue)
