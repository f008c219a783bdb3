"""What did ended releases leave, and what would clear it?"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

from domain import names
from domain.capacity import own_minimum
from domain.lifecycle import has_size
from domain.live import in_balancer
from domain.models import Deployment, Model, State
from domain.times import newest
from domain.traffic import Rule


class Owned(Model):
    """
    A resource and the release that made it, from its tags.

    `created_at` is AWS's ISO 8601 time; it is empty for a kind that has none.
    """

    kind: Literal["launch template", "instance", "security group", "snapshot"]
    id: str
    name: str
    release: str
    created_at: str = ""


class Inventory(Model):
    """
    A stack's resources, its application's builders, and snapshots whose image is gone. `created_at`
    is by the group's name.

    `healthy` is by deployment, then by target group or classic balancer: the units that are healthy
    there.
    """

    deployments: tuple[Deployment, ...] = ()
    created_at: dict[str, str] = {}
    healthy: dict[str, dict[str, int]] = {}
    owned: tuple[Owned, ...] = ()
    target_groups: tuple[str, ...] = ()
    # The rules that forward by weight, where the strategy is weighted; else none.
    rules: tuple[Rule, ...] = ()


class Finding(Model):
    """
    `release` is the release that made it, or woke it.

    `made_at` and `not_before` are ISO 8601 times. `made_at` is empty where AWS has none,
    `not_before` where the sweep may touch it now.
    """

    action: Literal[
        "attach",
        "weigh",
        "unpin",
        "park",
        "remove group",
        "remove template",
        "remove bake",
        "remove snapshot",
    ]
    name: str
    why: str
    release: str = ""
    made_at: str = ""
    not_before: str = ""


def find(inventory: Inventory, running: Collection[str]) -> list[Finding]:
    """
    What to clear, in this order: what serves gets its traffic back before anything is removed.

    `running` are the releases that still run, as tags name them. Their resources stay.
    """
    serving = [d for d in inventory.deployments if d.state is State.SERVING]
    parked = [d for d in inventory.deployments if d.state is State.PARKED]
    return [
        *_detached(serving, inventory.target_groups),
        *_weights(inventory),
        *_awake(parked, running),
        *_never_served(inventory, running),
        *_unused_templates(inventory, running),
        *_pinned(serving),
        *_ended_bakes(inventory, running),
        *_left_snapshots(inventory, running),
    ]


def _detached(serving: Iterable[Deployment], target_groups: Collection[str]) -> list[Finding]:
    """
    Deployments that serve and are in none of the target groups.

    In some of them is enough: a missing one may be meant for the next version, and this version
    may never be healthy in it.
    """
    return [
        Finding(action="attach", name=d.name, why="it serves, and is not in the load balancer")
        for d in serving
        if target_groups and not in_balancer(d, target_groups)
    ]


def _pinned(serving: Iterable[Deployment]) -> list[Finding]:
    found = []
    for group in (d.group for d in serving):
        if own_minimum(group) < group.min:
            before = group.tags[names.RESTORE_MIN]
            why = f"its minimum is still pinned to {group.min}; it was {before}"
        elif group.tags.get(names.RESTORE_REBALANCE):
            why = "its AZRebalance is still suspended"
        else:
            continue
        found.append(Finding(action="unpin", name=group.name, why=why))
    return found


def _awake(parked: Iterable[Deployment], running: Collection[str]) -> list[Finding]:
    """Parked deployments that an ended release woke, or that have instances out of the balancer."""
    found = []
    for group in (d.group for d in parked):
        woken = group.tags.get(names.WOKEN_BY, "")
        if woken and woken not in running:
            why = f"{woken} woke it, and no longer runs"
        elif not woken and has_size(group) and not group.target_groups:
            why = "it is marked as parked, and has instances outside of the balancer"
        else:
            continue
        found.append(Finding(action="park", name=group.name, why=why, release=woken))
    return found


def _never_served(inventory: Inventory, running: Collection[str]) -> list[Finding]:
    return [
        Finding(
            action="remove group",
            name=d.name,
            why=f"it never served, and {d.release} no longer runs",
            release=d.release,
            made_at=inventory.created_at.get(d.name, ""),
        )
        for d in inventory.deployments
        if d.state not in (State.SERVING, State.PARKED)
        and not d.served_at
        and d.release
        and d.release not in running
    ]


def _unused_templates(inventory: Inventory, running: Collection[str]) -> list[Finding]:
    kept = {d.name for d in inventory.deployments}
    return [
        Finding(
            action="remove template",
            name=owned.name,
            why=f"no group uses it, and {owned.release} no longer runs",
            release=owned.release,
            made_at=owned.created_at,
        )
        for owned in _of_ended(inventory, running)
        if owned.kind == "launch template" and owned.name not in kept
    ]


def _ended_bakes(inventory: Inventory, running: Collection[str]) -> list[Finding]:
    bakes: dict[str, list[Owned]] = {}
    for owned in _of_ended(inventory, running):
        if owned.kind in ("instance", "security group"):
            bakes.setdefault(owned.release, []).append(owned)
    return [
        Finding(
            action="remove bake",
            name=", ".join(o.id for o in resources),
            why=f"{release} no longer runs",
            release=release,
            # A security group has no creation time: the bake's other resources decide.
            made_at=newest(o.created_at for o in resources),
        )
        for release, resources in bakes.items()
    ]


def _left_snapshots(inventory: Inventory, running: Collection[str]) -> list[Finding]:
    return [
        Finding(
            action="remove snapshot",
            name=owned.id,
            why="the image that it was made for is gone",
            release=owned.release,
            made_at=owned.created_at,
        )
        for owned in _of_ended(inventory, running)
        if owned.kind == "snapshot"
    ]


def _of_ended(inventory: Inventory, running: Collection[str]) -> list[Owned]:
    return [o for o in inventory.owned if o.release and o.release not in running]


def home(inventory: Inventory) -> str | None:
    """
    The target group that must get the traffic of a weighted stack.

    It is the one of what serves, else the one without another deployment.
    """
    serving = next((d for d in inventory.deployments if d.state is State.SERVING), None)
    if not inventory.rules or serving is None:
        return None
    its_own = [arn for arn in inventory.target_groups if arn in serving.group.target_groups]
    others = {
        arn for d in inventory.deployments if d is not serving for arn in d.group.target_groups
    }
    free = [arn for arn in inventory.target_groups if arn not in others]
    return next(iter(its_own or free), None)


def astray(inventory: Inventory, where: str) -> list[Rule]:
    """The rules that give traffic to another target group of the stack, or none to this one."""
    return [
        rule
        for rule in inventory.rules
        if set(inventory.target_groups) <= rule.weights.keys()
        and (
            not rule.weights[where]
            or any(rule.weights[arn] for arn in inventory.target_groups if arn != where)
        )
    ]


def _weights(inventory: Inventory) -> list[Finding]:
    where = home(inventory)
    wrong = astray(inventory, where) if where else []
    if not wrong:
        return []
    serving = next(d for d in inventory.deployments if d.state is State.SERVING)
    return [
        Finding(
            action="weigh",
            name=serving.name,
            why=f"it serves, and does not get all of the traffic of {len(wrong)} rule(s)",
        )
    ]
