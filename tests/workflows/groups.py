"""In memory: what Auto Scaling does to groups."""

from __future__ import annotations

from temporalio import activity

from activities.aws import nothing_there
from activities.fleets import DeleteWarmPool, Distribute, PutWarmPool
from activities.group_facts import deployment
from activities.group_requests import (
    EmptyGroup,
    EnsureGroup,
    GroupRef,
    GroupsRef,
    MarkGroups,
    OfStack,
    Pin,
    PutPolicies,
    RemoveGroup,
    Resize,
    Unpin,
)
from activities.groups import REBALANCE
from activities.schedules import MoveSchedule
from domain import lifecycle, names
from domain.errors import AwsRefused, Conflict, NotReady
from domain.models import Deployment, Group
from tests.workflows.account import Account, Machine, ScalingGroup
from tests.workflows.world import World


class GroupsInMemory:
    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _account(self) -> Account:
        return self._world.account

    def _known(self, name: str) -> ScalingGroup:
        group = self._account.groups.get(name)
        if group is None:
            raise AwsRefused(f"AWS refused ValidationError: AutoScalingGroup {name} not found")
        return group

    @activity.defn
    async def find_deployments(self, request: OfStack) -> list[Deployment]:
        self._account.look()
        shown = self._world.shown.get("find_deployments", self._account)
        return [deployment(shown.facts(group)) for group in shown.deployments(request.stack)]

    @activity.defn
    async def find_group(self, request: GroupRef) -> Group | None:
        self._account.look()
        group = self._account.groups.get(request.name)
        return self._account.facts(group) if group else None

    @activity.defn
    async def ensure_group(self, request: EnsureGroup) -> None:
        known = self._account.groups.get(request.name)
        if known and known.tags.get(names.RELEASE) != request.tags[names.RELEASE]:
            raise Conflict(
                f"the Auto Scaling group {request.name} exists and another release made it"
            )
        if known is None:
            launches = (
                self._account.configurations
                if request.configuration
                else self._account.template_images
            )
            if request.launch not in launches:
                raise AwsRefused(f"AWS refused ValidationError: {request.launch} does not exist")
            known = ScalingGroup(
                name=request.name,
                min=request.min,
                max=request.max,
                desired=request.desired,
                image=launches[request.launch],
                tags=request.tags | request.marks,
                launch_template=None if request.configuration else request.launch,
                launch_configuration=request.launch if request.configuration else None,
                mixed=request.mixed,
            )
            self._account.groups[request.name] = known
        if request.suspend_az_rebalance:
            known.suspended.add(REBALANCE)

    @activity.defn
    async def put_policies(self, request: PutPolicies) -> None:
        group = self._known(request.group)
        for policy in request.policies:
            if policy.metric == "requests" and not group.target_groups:
                raise AwsRefused("AWS refused ValidationError: it is attached to no target group")
            if policy.metric not in group.policies:
                group.policies.append(policy.metric)

    @activity.defn
    async def resize(self, request: Resize) -> None:
        """A bound that is moved past the desired size takes it along, as AWS does."""
        self._set_sizes(self._known(request.group), request.min, request.max, request.desired)

    @staticmethod
    def _set_sizes(
        group: ScalingGroup, least: int | None, most: int | None, desired: int | None
    ) -> None:
        least = group.min if least is None else least
        most = group.max if most is None else most
        wanted = min(max(group.desired, least), most) if desired is None else desired
        if not least <= wanted <= most:
            raise AwsRefused(
                f"AWS refused ValidationError: {least}, {wanted}, {most}: not in order"
            )
        group.min, group.max, group.desired = least, most, wanted

    @activity.defn
    async def mark(self, request: MarkGroups) -> None:
        for name, tags in request.tags.items():
            group = self._known(name)
            if len(group.tags | tags) > names.TAGS_LIMIT:
                raise AwsRefused("AWS refused LimitExceeded: too many tags on the group")
            group.tags.update(tags)

    @activity.defn
    async def pin_minimum(self, request: Pin) -> None:
        group = self._known(request.group)
        group.tags |= request.marks
        if request.minimum is not None:
            group.tags[names.RESTORE_MIN] = str(request.original)
            self._set_sizes(group, request.minimum, None, None)
        if request.suspend_az_rebalance:
            group.tags[names.RESTORE_REBALANCE] = "true"
            group.suspended.add(REBALANCE)

    @activity.defn
    async def unpin_minimum(self, request: Unpin) -> None:
        group = self._known(request.group)
        if request.original is not None:
            self._set_sizes(group, request.original, None, None)
            group.tags[names.RESTORE_MIN] = ""
        if request.resume_az_rebalance:
            group.suspended.discard(REBALANCE)
            group.tags[names.RESTORE_REBALANCE] = ""

    @activity.defn
    async def resume_az_rebalance(self, request: GroupsRef) -> None:
        for name in request.names:
            self._known(name).suspended.discard(REBALANCE)

    @activity.defn
    async def remove_group(self, request: RemoveGroup) -> None:
        self._account.look()
        group = self._account.groups.get(request.name)
        if group is None:
            nothing_there(f"the group {request.name}", request.visible_by)
            return
        if group.tags.get(names.RELEASE) != request.release:
            raise Conflict(f"the Auto Scaling group {request.name} is of another release and stays")
        self._take_out(group)
        self._set_sizes(group, 0, None, 0)
        self._end(group, group.machines)
        group.warm_pool = None
        del self._account.groups[request.name]

    @activity.defn
    async def empty_group(self, request: EmptyGroup) -> None:
        self._account.look()
        group = self._account.groups.get(request.name)
        if group is None:
            return
        self._take_out(group)
        self._set_sizes(group, 0, 0, 0)
        self._end(group, [m for m in group.machines if not lifecycle.lingers(m.lifecycle)])
        if request.suspend_terminate:
            group.suspended.add(lifecycle.TERMINATE)

    def _take_out(self, group: ScalingGroup) -> None:
        """Also of where a person registered its instances. Raises NotReady until it is drained."""
        self._account.detach(group, tuple(self._account.targets))
        ids = {machine.id for machine in group.machines}
        if any(ids & states.keys() for states in self._account.targets.values()):
            raise NotReady(f"targets of {group.name} are still in the load balancer")

    def _end(self, group: ScalingGroup, left: list[Machine]) -> None:
        """Whatever keeps them. Raises NotReady until none of them is left."""
        if not left:
            return
        group.suspended.discard(lifecycle.TERMINATE)
        for machine in left:
            machine.protected = False
            if lifecycle.place(machine.lifecycle) is lifecycle.Place.ASIDE:
                self._account.end(machine)
        raise NotReady(f"the group {group.name} still has {len(left)} instances")

    @activity.defn
    async def delete_empty_group(self, request: GroupRef) -> None:
        group = self._account.groups.get(request.name)
        if group and group.machines:
            raise Conflict(f"the Auto Scaling group {request.name} has instances again, and stays")
        self._account.groups.pop(request.name, None)

    @activity.defn
    async def distribute(self, request: Distribute) -> None:
        self._known(request.group).on_demand = request.on_demand

    @activity.defn
    async def put_warm_pool(self, request: PutWarmPool) -> None:
        self._known(request.group).warm_pool = request.pool

    @activity.defn
    async def delete_warm_pool(self, request: DeleteWarmPool) -> None:
        if group := self._account.groups.get(request.group):
            group.warm_pool = None

    @activity.defn
    async def move_schedule(self, request: MoveSchedule) -> list[str]:
        source, target = self._known(request.source), self._known(request.target)
        moved, source.schedule = source.schedule, []
        target.schedule += moved
        return moved
