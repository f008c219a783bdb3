"""In memory: stacks file, repository, checks, hooks, inventory; and all activities together."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from temporalio import activity
from temporalio.client import Client

from activities.aws import Aws
from activities.bakes import Bakes
from activities.checks import Check
from activities.group_facts import deployment
from activities.hooks import RunHook
from activities.inventory import Inventories, TakeInventory
from activities.preflight import PreflightOf
from activities.provisioning import Identify
from activities.source import ResolveTag
from domain import lifecycle
from domain.config import Stack
from domain.errors import HookRefused, NotReady, UnknownTag
from domain.images import BakeIdentity
from domain.stacks_file import pick
from domain.sweep import Inventory
from tests.workflows.account import ScalingGroup
from tests.workflows.groups import GroupsInMemory
from tests.workflows.images import BuildersInMemory, ImagesInMemory
from tests.workflows.templates import TemplatesInMemory
from tests.workflows.traffic import TrafficInMemory
from tests.workflows.world import World, identity


class StacksInMemory:
    def __init__(self, world: World) -> None:
        self._world = world

    @activity.defn
    async def list_stacks(self, _: None) -> list[str]:
        return sorted(self._world.stacks)

    @activity.defn
    async def read_stack(self, name: str) -> Stack:
        return pick(self._world.stacks, name)

    @activity.defn
    async def resolve_tag(self, request: ResolveTag) -> str:
        if request.tag not in self._world.commits:
            raise UnknownTag(f"{request.repository} has no tag {request.tag!r}")
        return self._world.commits[request.tag]

    @activity.defn
    async def identify_bake(self, request: Identify) -> BakeIdentity:
        return identity(request.stack, request.tag, request.commit, request.base_image)

    @activity.defn
    async def preflight(self, _: PreflightOf) -> list[Check]:
        return [Check(what="the account", problem=problem) for problem in self._world.problems]

    @activity.defn
    async def run_hook(self, request: RunHook) -> str:
        if (answer := self._world.hook_answers.get(request.hook.name)) is not None:
            if request.brief and isinstance(answer, NotReady) and activity.info().attempt >= 3:
                raise HookRefused(str(answer))
            raise answer
        return "fine"

    @activity.defn
    async def take_inventory(self, request: TakeInventory) -> Inventory:
        account = self._world.account
        account.look()
        groups = account.deployments(request.stack)
        return Inventory(
            deployments=tuple(deployment(account.facts(group)) for group in groups),
            created_at={group.name: group.created_at for group in groups},
            healthy={group.name: self._healthy(group, request) for group in groups},
            owned=(
                *account.templates.values(),
                *account.builders.values(),
                *account.security_groups.values(),
                *account.snapshots.values(),
            ),
            target_groups=request.target_groups,
        )

    def _healthy(self, group: ScalingGroup, request: TakeInventory) -> dict[str, int]:
        found: dict[str, int] = {}
        for arn in request.target_groups:
            states = self._world.account.targets.get(arn, {})
            units = [
                machine.weight
                for machine in group.machines
                if lifecycle.serves(machine.lifecycle) and states.get(machine.id) == "healthy"
            ]
            found |= {arn: sum(units)} if units else {}
        return found


def activities(world: World, client: Client) -> list[Callable[..., Any]]:
    """What asks Temporal (joining a bake, which releases run) is the real activity."""
    holders = [
        StacksInMemory(world),
        GroupsInMemory(world),
        TemplatesInMemory(world),
        TrafficInMemory(world),
        ImagesInMemory(world),
        BuildersInMemory(world),
        Bakes(client),
    ]
    found = [
        getattr(holder, name)
        for holder in holders
        for name in dir(type(holder))
        if hasattr(getattr(holder, name), "__temporal_activity_definition")
    ]
    inventories = Inventories(_aws(), client)
    return [*found, inventories.which_run, inventories.when_closed]


@cache
def _aws() -> Aws:
    """Never asked: only its clients would be."""
    return Aws()
