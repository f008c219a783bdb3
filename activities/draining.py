"""For how long do the stack's balancers drain what leaves them?"""

from __future__ import annotations

from collections.abc import Iterable

from activities.aws import Aws
from activities.classic import Classic
from domain.models import Model
from domain.names import split

DELAY = "deregistration_delay.timeout_seconds"
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#deregistration-delay
DEFAULT = 300.0


class FindDrainage(Model):
    """Of target groups, and of classic balancers by their keys."""

    region: str
    target_groups: tuple[str, ...]


class Drainage(Model):
    """`seconds` is the longest time that one drains. `cuts` are those that do not drain at all."""

    seconds: float = 0
    cuts: tuple[str, ...] = ()

    @property
    def warning(self) -> str:
        told = ", ".join(self.cuts)
        return f"{told} drains for 0 s: requests in flight are cut when blue leaves" if told else ""


def drainage(aws: Aws, region: str, keys: Iterable[str]) -> Drainage:
    """One call each."""
    arns, balancers = split(keys)
    delays = {_name(arn): _delay(aws, region, arn) for arn in arns}
    delays |= Classic(aws).delays(region, balancers)
    return Drainage(
        seconds=max(delays.values(), default=0),
        cuts=tuple(name for name, delay in delays.items() if not delay),
    )


def _delay(aws: Aws, region: str, arn: str) -> float:
    found = aws.elbv2(region).describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    return next((float(each["Value"]) for each in found if each["Key"] == DELAY), DEFAULT)


def _name(arn: str) -> str:
    return arn.split("/")[-2] if "/" in arn else arn
