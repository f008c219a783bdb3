"""What the stacks of these tests look like: their tables, and their balancers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain import names
from domain.config import Stack
from domain.models import TargetGroup
from domain.traffic import Rule

BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/1"
IMPATIENT = {
    "first_poll": 0,
    "poll": 0.01,
    "confirm": 0.01,
    "healthy": 20,
    "approval": 20,
    "step": 0.01,
    "soak": 0,
    "drain": 20,
    "consistency_grace": 0.05,
    "way_back": 20,
}
STRATEGIES: dict[str, dict[str, Any]] = {
    "attach": {"target_groups": ["one", "two"]},
    "weighted": {"strategy": "weighted", "target_groups": ["one", "two"]},
    "classic": {"strategy": "classic", "target_groups": [], "balancers": ["old"]},
}


def commit(tag: str) -> str:
    return names.token(tag)[:40]


def settings(name: str, **more: Mapping[str, Any] | Any) -> dict[str, Any]:
    """A stack as its table in the stacks file is read; `more` is laid over it, table by table."""
    table: dict[str, Any] = {
        "name": name,
        "application": {"name": f"app-{name}", "repository": "https://example.com/app.git"},
        "region": "eu-west-1",
        "network": {"vpc": "vpc-1", "subnets": ["subnet-1", "subnet-2"]},
        "instance": {"type": "t3.micro", "security_groups": ["sg-web"]},
        "bake": {"base_image": {"id": "ami-base"}, "artifacts_bucket": "artifacts"},
        "capacity": {"min": 1, "max": 6, "desired": 2},
        "load_balancer": {"target_groups": ["one"]},
        "timeouts": IMPATIENT,
        "health": {"reads": 2},
    }
    for key, value in more.items():
        table[key] = {**table.get(key, {}), **value} if isinstance(value, Mapping) else value
    return table


def balancer(stack: Stack) -> tuple[TargetGroup, ...]:
    """The target groups that the stack names, or its classic balancers under their keys."""
    return tuple(
        TargetGroup(arn=name, name=name)
        if names.is_classic(name)
        else TargetGroup(
            arn=f"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/1",
            name=name,
            load_balancers=(BALANCER,),
        )
        for name in stack.load_balancer.names
    )


def weighted(arns: tuple[str, ...], *, sticky: float = 0) -> Rule:
    """The rule by which the first of two target groups has all of the traffic."""
    return Rule(
        arn="arn:rule/1",
        listener="arn:listener/1",
        default=False,
        weights={arns[0]: 100, arns[1]: 0},
        sticky=sticky,
    )
