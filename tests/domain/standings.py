"""Deployments as the load balancer shows them to a sweep."""

from __future__ import annotations

from typing import Any

from domain import names, sweep
from domain.models import Deployment, Group, State
from domain.traffic import Rule

PAIR = ("arn:one", "arn:two")
ONE, TWO = PAIR
GONE = names.owner("release-shop", "gone")


def standing(
    name: str, state: State | None, at: tuple[str, ...], *, size: int = 2, **more: Any
) -> Deployment:
    """`at` are the target groups that it is attached to."""
    group = Group(
        name=name,
        min=0,
        max=more.pop("max", 6),
        desired=size,
        target_groups=at,
        tags=more.pop("tags", {}),
    )
    served = "2026-11-01" if state else ""
    fields = {"tag": name, "release": GONE, "state": state, "served_at": served} | more
    return Deployment(name=name, group=group, **fields)


def world(
    *deployments: Deployment, weights: dict[str, int] | None = None, **healthy: dict[str, int]
) -> sweep.Inventory:
    rule = Rule(arn="arn:rule", listener="l", default=False, weights=weights or {}, sticky=60)
    return sweep.Inventory(
        deployments=deployments,
        healthy=healthy,
        target_groups=PAIR,
        rules=(rule,) if weights else (),
    )
