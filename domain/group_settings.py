"""The sections of the stacks file about the Auto Scaling group and its load balancer."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from domain import names
from domain.limits import MOST_OF_A_GROUP, Arn, BalancerName, TargetGroupName
from domain.sections import Section

# No account may have as many instances; a number beyond it cannot be reckoned with.
MOST = 100_000


class WarmPool(Section):
    """
    Instances that have booted and wait beside the group that serves.

    At least `min` wait. Group and pool together have up to `max_prepared`; None means the group's
    maximum. https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html
    """

    min: int = Field(default=0, ge=0, le=MOST)
    max_prepared: int | None = Field(default=None, ge=0, le=MOST)
    state: Literal["Stopped", "Running"] = "Stopped"
    reuse: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_prepared is not None and self.max_prepared < self.min:
            raise ValueError("max_prepared is below min")
        return self


class Capacity(Section):
    """
    `desired` is for a first deployment only: later, green is as large as blue.

    `warmup`: for so many seconds a new instance's metrics do not count for the scaling policies.
    Only a group that serves alone has a `warm_pool`.
    """

    min: int = Field(ge=0, le=MOST)
    max: int = Field(ge=1, le=MOST)
    desired: int | None = Field(default=None, ge=0, le=MOST)
    warmup: int | None = Field(default=None, ge=0, le=MOST)
    warm_pool: WarmPool | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.min <= (self.min if self.desired is None else self.desired) <= self.max:
            raise ValueError("min, desired and max must be in order")
        return self


class LifecycleHook(Section):
    """
    A lifecycle hook that the group has from its creation, so that its first instances wait for it.

    After `timeout` seconds `default` is the result.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9\-_/]{1,255}$")
    transition: Literal["launching", "terminating"]
    timeout: int = Field(default=3_600, ge=30, le=7_200)
    default: Literal["ABANDON", "CONTINUE"] = "ABANDON"
    metadata: str | None = Field(default=None, max_length=1_023)
    notify: Arn | None = None
    role: Arn | None = None


class ScalingPolicy(Section):
    """Target tracking: average CPU in percent, or the balancer's requests per target and minute."""

    metric: Literal["cpu", "requests"]
    target: float = Field(gt=0)


class LoadBalancer(Section):
    """
    "attach": green joins the target groups that blue is in. "classic": it joins the classic load
    balancers `balancers`.

    "weighted": of two target groups one has no traffic. Green joins that one, and the rules'
    weights are moved in `steps` of percent. `preview` are the ARNs of rules that show green before.
    """

    target_groups: tuple[TargetGroupName, ...] = Field(default=(), max_length=MOST_OF_A_GROUP)
    balancers: tuple[BalancerName, ...] = Field(default=(), max_length=MOST_OF_A_GROUP)
    strategy: Literal["attach", "weighted", "classic"] = "attach"
    health_check_grace: int = Field(default=300, ge=0, le=MOST)
    steps: tuple[Annotated[int, Field(ge=1, le=100)], ...] = (1, 10, 50, 100)
    preview: tuple[str, ...] = ()
    stickiness: Literal["refuse", "wait"] = "refuse"

    @model_validator(mode="after")
    def _a_pair_and_steps_that_rise(self) -> Self:
        if self.strategy == "classic" and (self.target_groups or not self.balancers):
            raise ValueError(
                "the strategy classic goes by load balancers' names: "
                "give balancers, and no target_groups"
            )
        if self.strategy != "classic" and (self.balancers or not self.target_groups):
            raise ValueError("give target_groups; balancers are for the strategy classic alone")
        if self.strategy == "weighted" and len(self.target_groups) != 2:
            raise ValueError("the strategy weighted swaps two target groups: give exactly two")
        if list(self.steps) != sorted(set(self.steps)) or self.steps[-1:] != (100,):
            raise ValueError("steps must rise, and end with 100")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """What green joins: target groups by name or ARN, classic balancers by their key."""
        return self.target_groups or tuple(map(names.classic, self.balancers))
