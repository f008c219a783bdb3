"""What decisions need of a group's instances, in few bytes whatever the size of the group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from domain import lifecycle
from domain.models import Group, GroupHealth, Instance, TargetState

# Characters of the reasons in one line: an instance's reason is in the application's own words.
LONGEST = 500
# Ids named in a message.
SHOWN = 5


def group_health(
    group: Group,
    instances: Sequence[Instance],
    target_groups: tuple[str, ...],
    *,
    known: str | None = "",
) -> GroupHealth:
    """
    `known` is the digest of the instances whose ids the caller has; None: it wants no ids.

    The ids of those that leave are told to the same callers.
    """
    here = sorted(i.id for i in instances if not lifecycle.leaves(i.lifecycle))
    to_serve = sorted(i.id for i in instances if lifecycle.is_to_serve(i.lifecycle))
    fit = sorted(i.id for i in instances if is_healthy(i, target_groups))
    units = sum(i.weight for i in instances if is_healthy(i, target_groups))
    present = digest(here)
    return GroupHealth(
        units=units,
        targets=len(fit),
        registered=sum(_is_registered(i, target_groups) for i in instances),
        heaviest=max((i.weight for i in instances), default=1),
        asked=any(arn in i.targets for i in instances for arn in target_groups),
        complete=units >= group.desired and fit == to_serve,
        explained=_explain(group, instances, units, target_groups),
        unused=_unused(instances),
        healthy=digest(fit),
        present=present,
        ids=None if known in (None, present) else tuple(here),
        leaving=()
        if known is None
        else tuple(i.id for i in instances if lifecycle.leaves(i.lifecycle)),
        example=fit[0] if fit else "",
    )


def digest(ids: Iterable[str]) -> str:
    """Tells one set of instances from another."""
    return hashlib.sha256(",".join(sorted(ids)).encode()).hexdigest()[:16]


def is_healthy(instance: Instance, target_groups: tuple[str, ...]) -> bool:
    """
    In service, and healthy in every target group.

    In service alone says nothing about the application.
    """
    return (
        lifecycle.serves(instance.lifecycle)
        and instance.healthy
        and all(
            instance.targets.get(arn, TargetState(state="")).state == "healthy"
            for arn in target_groups
        )
    )


def _is_registered(instance: Instance, target_groups: tuple[str, ...]) -> bool:
    states = [instance.targets[arn].state for arn in target_groups if arn in instance.targets]
    return any(state != "unused" for state in states)


def _explain(
    group: Group, instances: Sequence[Instance], healthy: int, target_groups: tuple[str, ...]
) -> str:
    """One line: how many are healthy, and in AWS's words what is wrong with the others."""
    unit = "unit" if any(instance.weight > 1 for instance in instances) else "instance"
    line = f"{healthy} of {count(group.desired, unit)} healthy"
    reasons = sorted({why for instance in instances if (why := _why_not(instance, target_groups))})
    if group.units < group.desired and group.failures:
        reasons.insert(0, group.failures[0])
    return f"{line} ({'; '.join(reasons[:3])[:LONGEST]})" if reasons else line


def _why_not(instance: Instance, target_groups: tuple[str, ...]) -> str:
    if not lifecycle.serves(instance.lifecycle):
        return lifecycle.words(instance.lifecycle)
    if not instance.healthy:
        return "Auto Scaling says Unhealthy"
    for arn in target_groups:
        target = instance.targets.get(arn)
        if target is None:
            return "not registered yet"
        if target.state != "healthy":
            words = target.description or target.reason
            return f"{target.state}: {words}" if words else target.state
    return ""


def _unused(instances: Sequence[Instance]) -> str:
    """One of several targets alone is in a zone that is not enabled for the balancer."""
    reasons: dict[str, set[str]] = {}
    for instance in instances:
        for arn, target in instance.targets.items():
            reasons.setdefault(arn, set()).add(target.reason)
    unused = [arn for arn, found in reasons.items() if found == {"Target.NotInUse"}]
    return next((arn.split("/")[-2] if "/" in arn else arn for arn in unused), "")


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def some(ids: Sequence[str]) -> str:
    """A few of them, for a person."""
    return ", ".join(ids[:SHOWN]) + (", …" if len(ids) > SHOWN else "")
