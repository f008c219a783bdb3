"""
A stack as the stacks file describes it, and the sections about how its releases proceed.

deploy/stacks.toml is the manual. `domain/stacks_file.py` reads the file.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    AwareDatetime,
    Field,
    field_validator,
    model_validator,
)

from domain.calendar import parse_window
from domain.group_settings import Capacity, LifecycleHook, LoadBalancer, ScalingPolicy
from domain.limits import MOST_OF_A_GROUP, Alarm, Tags
from domain.sections import (
    Application,
    Bake,
    Credential,
    InstanceSettings,
    Name,
    Network,
    Region,
    Seconds,
    Section,
)


class Watch(Section):
    """
    The limits that end a release while its traffic is watched. None means no limit.

    None of the CloudWatch alarms `alarms` may be in ALARM. `error_rate` is the largest part of
    green's answers that may be 5xx: 0.01 is one percent. `latency` is in seconds at `percentile`.
    With the strategy "weighted", `error_ratio` and `latency_ratio` are multiples of blue's values
    in the same minutes. Fewer than `requests` requests decide nothing: then `when_inconclusive`
    says whether a person is asked or the release goes on. `period` is the metrics' in seconds.
    """

    alarms: tuple[Alarm, ...] = ()
    error_rate: float | None = Field(default=None, gt=0, lt=1)
    error_ratio: float | None = Field(default=None, ge=1)
    latency: float | None = Field(default=None, gt=0)
    latency_ratio: float | None = Field(default=None, ge=1)
    percentile: float = Field(default=95, gt=0, lt=100)
    requests: int = Field(default=100, ge=1)
    when_inconclusive: Literal["ask", "go_on"] = "ask"
    period: Literal[1, 5, 10, 30, 60] = 60

    @property
    def measures(self) -> bool:
        """Is there a rule on the traffic itself?"""
        return any(
            limit is not None
            for limit in (self.error_rate, self.error_ratio, self.latency, self.latency_ratio)
        )


class Timeouts(Section):
    """
    Seconds: the longest duration of each wait, and the intervals between polls.

    The first poll comes after `first_poll`. Each interval is half as long again as the one before,
    up to `poll`. AWS's lists may miss a new resource for `consistency_grace`. AWS may refuse the
    way back for `way_back`; then the release ends as dirty.
    """

    first_poll: Seconds = 1
    poll: Seconds = 10
    confirm: Seconds = 5
    provision: Seconds = 3_600
    image: Seconds = 14_400
    healthy: Seconds = 900
    approval: Seconds = 604_800
    step: Seconds = 180
    soak: Seconds = 60
    hot: Seconds = 0
    drain: Seconds = 4_000
    consistency_grace: Seconds = 60
    way_back: Seconds = 86_400

    def poll_interval(self, wait: float) -> float:
        """
        Seconds between the polls of a wait of `wait` seconds.

        A wait has at most a thousand polls. Each is about ten events, and Temporal terminates a
        workflow with more than 51,200: https://docs.temporal.io/workflow-execution/limits
        """
        return max(self.poll, wait / 1_000)


class Health(Section):
    """
    `reads` in a row must show the same instances healthy.

    More than `may_lose` lost instances halt the release.
    """

    reads: int = Field(default=2, ge=1)
    may_lose: int = Field(default=0, ge=0)


class Approving(Section):
    """How an approval works, where the stack asks for one. `rollbacks`: rollbacks need one too."""

    when_expired: Literal["roll_back", "cut_over", "keep_waiting"] = "roll_back"
    by_another: bool = False
    rollbacks: bool = False


class Sweeping(Section):
    """
    A sweep removes at most `share` of a stack's deployments, but always may remove one.

    It removes nothing that is younger than `age`, but for a person who names the stack.
    """

    share: float = Field(default=0.5, gt=0, le=1)
    age: Seconds = 600


class Hook(Section):
    """
    A program that is asked at `when`: by a signed POST to `url`, or by `command`, which SSM runs on
    an instance of the new version.

    pre_bake; pre_cutover: green is healthy and in the preview; post_cutover: green has all of the
    traffic and is watched; on_rollback. A refusal or no answer within `timeout` seconds rolls the
    release back; at on_rollback it is noted.
    """

    name: Name
    when: Literal["pre_bake", "pre_cutover", "post_cutover", "on_rollback"]
    url: str | None = Field(default=None, pattern=r"^https?://[^\s@]+$")
    secret: Credential | None = None
    command: str | None = Field(default=None, min_length=1)
    timeout: Annotated[float, Field(gt=0, le=86_400)] = 300

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (self.command is None):
            raise ValueError("give exactly one of url and command")
        if self.command and self.when in ("pre_bake", "on_rollback"):
            raise ValueError(
                f"command runs on an instance of the new version, and there is none at {self.when}"
            )
        if self.command and self.secret:
            raise ValueError("secret signs the call of a url")
        return self


class Freeze(Section):
    """No cutover begins from `begin` until `end`, which are TOML times with an offset."""

    begin: AwareDatetime
    end: AwareDatetime
    reason: str = ""


class Cutover(Section):
    """
    A cutover waits for one of `windows` ("Mon-Fri 06:00-16:00", UTC) and for the end of `freezes`.

    Neither a rollback nor an urgent release waits.
    """

    windows: tuple[str, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    @field_validator("windows")
    @classmethod
    def _windows(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_window(text)
        return value


class Retention(Section):
    deployments: int = Field(default=5, ge=2)
    unreleased_image_days: float = Field(default=14, gt=0, le=36_500)
    shared_image_days: float = Field(default=90, gt=0, le=36_500)


class Stack(Section):
    name: Name
    application: Application
    region: Region
    network: Network
    instance: InstanceSettings
    bake: Bake
    capacity: Capacity
    load_balancer: LoadBalancer
    scaling: tuple[ScalingPolicy, ...] = ()
    lifecycle_hooks: tuple[LifecycleHook, ...] = Field(default=(), max_length=MOST_OF_A_GROUP)
    launch: Literal["template", "configuration"] = "template"
    approval: bool = False
    approving: Approving = Approving()
    cutover: Cutover = Cutover()
    hooks: tuple[Hook, ...] = ()
    watch: Watch = Watch()
    sweeping: Sweeping = Sweeping()
    timeouts: Timeouts = Timeouts()
    health: Health = Health()
    retention: Retention = Retention()
    tags: Tags = {}

    @model_validator(mode="after")
    def _one_policy_a_metric_and_one_hook_a_name(self) -> Self:
        metrics = [policy.metric for policy in self.scaling]
        if len(metrics) != len(set(metrics)):
            raise ValueError("scaling has two policies for one metric")
        for kind, them in (("hooks", self.hooks), ("lifecycle_hooks", self.lifecycle_hooks)):
            if len({hook.name for hook in them}) != len(them):
                raise ValueError(f"two {kind} have one name")
        if self.region in [copy.region for copy in self.bake.copies] and not self.bake.made_by:
            raise ValueError(
                f"bake.copies names {self.region}, which is where the stack's images are made"
            )
        ratios = self.watch.error_ratio is not None or self.watch.latency_ratio is not None
        if self.instance.mixed and self.launch != "template":
            raise ValueError(
                "instance.mixed needs a launch template: a launch configuration has one type"
            )
        if self.instance.mixed and self.capacity.warm_pool:
            raise ValueError(
                "AWS has no warm pool for a group of mixed instances: "
                "give one of instance.mixed and capacity.warm_pool"
            )
        if self.load_balancer.strategy == "classic" and "requests" in metrics:
            raise ValueError(
                "scaling on requests counts those of a target group: "
                "a classic load balancer has none"
            )
        if ratios and self.load_balancer.strategy != "weighted":
            raise ValueError(
                "watch.error_ratio and latency_ratio compare two target groups: "
                "only the strategy weighted has them"
            )
        return self

    @property
    def verifies(self) -> bool:
        """Must an image have served once, alone, before this stack uses it?"""
        return self.approval if self.bake.verify is None else self.bake.verify
