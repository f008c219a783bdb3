"""What have releases left that no longer run, what would clear it, and does that look right?"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from domain import names
from domain.capacity import own_minimum
from domain.live import in_balancer, unmarked
from domain.models import Deployment, Model, State
from domain.traffic import Rule


class Owned(Model):
    """A resource with the release that made it, from its tags; `created_at` is AWS's ISO 8601 time, empty where AWS has none."""

    kind: Literal["launch template", "instance", "security group"]
    id: str
    name: str
    release: str
    created_at: str = ""


class Inventory(Model):
    """All that one stack has, and the builders of its application. `created_at` is by the group's name."""

    deployments: tuple[Deployment, ...] = ()
    created_at: dict[str, str] = {}
    owned: tuple[Owned, ...] = ()
    target_groups: tuple[str, ...] = ()
    # Those that forward by weight, where the stack's strategy is weighted.
    rules: tuple[Rule, ...] = ()


class Finding(Model):
    """`release` made it, or woke it."""

    action: Literal[
        "attach", "weigh", "unpin", "park", "remove group", "remove template", "remove bake"
    ]
    name: str
    why: str
    release: str = ""


def find(
    inventory: Inventory, running: Collection[str], *, now: datetime, age: timedelta
) -> list[Finding]:
    """
    In the order in which it is to be cleared: what serves comes back before anything goes.

    `running` are the releases, as tags name them, that still run: what is theirs is left alone, as is what is younger than `age`.
    """
    attach, unpin, park, remove = [], [], [], []
    for deployment in inventory.deployments:
        group, tags = deployment.group, deployment.group.tags
        old = _older(inventory.created_at.get(group.name, ""), now, age)
        if deployment.state is State.SERVING:
            # One that it is not in may be there for the next version: this one may never be healthy in it.
            if inventory.target_groups and not in_balancer(deployment, inventory.target_groups):
                attach.append(
                    Finding(
                        action="attach",
                        name=group.name,
                        why="it serves, and is not in the load balancer",
                    )
                )
            if own_minimum(group) < group.min:
                why = (
                    f"its minimum is still pinned to {group.min}; it was {tags[names.RESTORE_MIN]}"
                )
                unpin.append(Finding(action="unpin", name=group.name, why=why))
            elif tags.get(names.RESTORE_REBALANCE):
                unpin.append(
                    Finding(
                        action="unpin", name=group.name, why="its AZRebalance is still suspended"
                    )
                )
        elif deployment.state is State.PARKED:
            woken = tags.get(names.WOKEN_BY, "")
            awake = bool(group.desired or group.instances)
            if woken and woken not in running:
                why = f"{woken} woke it, and no longer runs"
                park.append(Finding(action="park", name=group.name, why=why, release=woken))
            elif not woken and awake and not group.target_groups:
                park.append(
                    Finding(
                        action="park",
                        name=group.name,
                        why="it is marked as parked, and has instances outside of the balancer",
                    )
                )
        elif (
            not deployment.served_at
            and deployment.release
            and deployment.release not in running
            and old
        ):
            why = f"it never served, and {deployment.release} no longer runs"
            remove.append(
                Finding(action="remove group", name=group.name, why=why, release=deployment.release)
            )
    kept = {d.name for d in inventory.deployments}
    bakes: dict[str, list[Owned]] = {}
    for owned in inventory.owned:
        if not owned.release or owned.release in running:
            continue
        if owned.kind != "launch template":
            bakes.setdefault(owned.release, []).append(owned)
        elif owned.name not in kept and _older(owned.created_at, now, age):
            why = f"no group uses it, and {owned.release} no longer runs"
            remove.append(
                Finding(action="remove template", name=owned.name, why=why, release=owned.release)
            )
    temporary = [
        Finding(
            action="remove bake",
            name=", ".join(o.id for o in all_of_it),
            why=f"{release} no longer runs",
            release=release,
        )
        for release, all_of_it in bakes.items()
        # Its security group has no creation time: it is as old as the youngest of the rest.
        if all(_older(o.created_at, now, age) for o in all_of_it)
    ]
    return [*attach, *_weights(inventory), *park, *remove, *unpin, *temporary]


def home(inventory: Inventory) -> str | None:
    """Where the traffic of a weighted stack belongs: the target group of what serves, or the one in which nobody else is."""
    serving = next((d for d in inventory.deployments if d.state is State.SERVING), None)
    if not inventory.rules or serving is None:
        return None
    mine = [arn for arn in inventory.target_groups if arn in serving.group.target_groups]
    others = {
        arn for d in inventory.deployments if d is not serving for arn in d.group.target_groups
    }
    free = [arn for arn in inventory.target_groups if arn not in others]
    return next(iter(mine or free), None)


def _weights(inventory: Inventory) -> list[Finding]:
    where = home(inventory)
    wrong = [
        rule
        for rule in inventory.rules
        if where
        and set(inventory.target_groups) <= rule.weights.keys()
        and (
            not rule.weights[where]
            or any(rule.weights[arn] for arn in inventory.target_groups if arn != where)
        )
    ]
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


def looks_wrong(inventory: Inventory, findings: Collection[Finding], share: float) -> str:
    """Why nothing should be cleared at all; empty where all is plausible. One deployment may always go."""
    deployments = inventory.deployments
    serving = [d for d in deployments if d.state is State.SERVING]
    if len(serving) > 1:
        return f"{len(serving)} groups say that they serve: {', '.join(d.name for d in serving)}"
    attached = [d for d in deployments if in_balancer(d, inventory.target_groups)]
    if not serving and attached:
        return unmarked(attached[0], inventory.target_groups)
    if not serving and any(d.served_at for d in deployments):
        return "AWS shows deployments that served, and none that serves"
    templates = {owned.name for owned in inventory.owned if owned.kind == "launch template"}
    if not deployments and len(templates) > 1:
        return f"AWS shows no group of this stack, but {len(templates)} launch templates"
    going = {f.name for f in findings if f.action in ("remove group", "remove template")}
    there = {d.name for d in deployments} | templates
    if len(going) > max(1, share * len(there)):
        return (
            f"{len(going)} of {len(there)} deployments would go: more than the share of {share:g}"
        )
    return ""


def _older(created_at: str, now: datetime, age: timedelta) -> bool:
    """A resource without a readable creation time is left to what else is known of it: a security group has none."""
    if not created_at:
        return True
    return now - datetime.fromisoformat(created_at) > age
