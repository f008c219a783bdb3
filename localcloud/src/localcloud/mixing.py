"""
Mixed instances: which type is next, how much it counts, on demand or Spot.

The first type always has capacity here.
"""

from __future__ import annotations

import math
from typing import Any

TERMINATING = "Terminating"


def first_type(group: Any) -> str | None:
    overrides = _overrides(group)
    return overrides[0]["InstanceType"] if overrides else None


def first_weight(group: Any) -> int:
    overrides = _overrides(group)
    return int(overrides[0].get("WeightedCapacity", 1)) if overrides else 1


def weigh(group: Any, member: Any) -> None:
    """AWS shows the weight with each instance, where the policy has weights."""
    if any("WeightedCapacity" in override for override in _overrides(group)):
        member.weighted_capacity = str(first_weight(group))


def weight(member: Any) -> int:
    return int(getattr(member, "weighted_capacity", 1))


def wants_spot(group: Any) -> bool:
    """
    Of the next instance.

    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstancesDistribution.html
    """
    if not group.mixed_instances_policy:
        return False
    return sum(map(weight, _on_demand(group))) >= _on_demand_wanted(group)


def too_many_on_demand(group: Any) -> list[Any]:
    """Members that the distribution, since it was changed, wants as Spot."""
    if not group.mixed_instances_policy:
        return []
    too_many = sum(map(weight, _on_demand(group))) - _on_demand_wanted(group)
    return [member for member in _on_demand(group) if weight(member) <= too_many]


def _on_demand_wanted(group: Any) -> int:
    distribution = group.mixed_instances_policy.get("InstancesDistribution", {})
    base = int(distribution.get("OnDemandBaseCapacity") or 0)
    above = max(0, (group.desired_capacity or 0) - base)
    percentage = distribution.get("OnDemandPercentageAboveBaseCapacity")
    return base + math.ceil(above * int(100 if percentage is None else percentage) / 100)


def _overrides(group: Any) -> list[Any]:
    policy = group.mixed_instances_policy or {}
    found: list[Any] = policy.get("LaunchTemplate", {}).get("Overrides", [])
    return found


def _on_demand(group: Any) -> list[Any]:
    return [
        member
        for member in group.instance_states
        if not member.lifecycle_state.startswith(TERMINATING)
        and member.instance.lifecycle != "spot"
    ]
