"""Who gets how much of the traffic, and has the old one lost all of it?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from domain.health import Healthy, NotYet, Unhealthy, Verdict
from domain.models import Group, TargetState


def shares(healthy: Mapping[str, int]) -> dict[str, int]:
    """
    Percent of the requests per deployment where all of them are in the same target groups, by healthy targets.

    They add up to 100, or to 0 where nobody is healthy; the largest remainder gets the odd percent.
    """
    total = sum(healthy.values())
    if not total:
        return dict.fromkeys(healthy, 0)
    exact = {name: count * 100 / total for name, count in healthy.items()}
    whole = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (whole[name] - exact[name], name))
    for name in by_remainder[: 100 - sum(whole.values())]:
        whole[name] += 1
    return whole


def judge_drain(instances: Iterable[str], targets: Mapping[str, Mapping[str, TargetState]], *, waited: float, patience: float) -> Verdict:
    """
    Healthy when no target group knows any of the instances any more: only then is nothing in flight.

    `targets` maps a target group's ARN to its targets' states. `waited` and `patience` are seconds.
    """
    left = sorted({i for i in instances for states in targets.values() if i in states and states[i].state != "unused"})
    if not left:
        return Healthy()
    reason = f"{len(left)} still draining ({', '.join(left[:3])}{', …' if len(left) > 3 else ''})"
    return NotYet(reason) if waited < patience else Unhealthy(f"after {waited:.0f} s {reason}")


def detached(group: Group, target_groups: Iterable[str]) -> bool:
    return not set(group.target_groups) & set(target_groups)
