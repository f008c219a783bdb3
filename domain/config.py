"""The stacks file → stacks, or one error that lists every mistake. Its manual is deploy/stacks.toml."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from domain import names
from domain.calendar import parse_window
from domain.errors import InvalidConfiguration, UnknownStack
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


class WarmPool(Section):
    """Instances that wait booted beside what serves: `min` at least, up to `max_prepared` together with it (its maximum where left out)."""

    min: int = Field(default=0, ge=0)
    max_prepared: int | None = Field(default=None, ge=0)
    state: Literal["Stopped", "Running"] = "Stopped"
    reuse: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_prepared is not None and self.max_prepared < self.min:
            raise ValueError("max_prepared is below min")
        return self


class Capacity(Section):
    """
    `desired` is for a first deployment only: after that, green is as large as blue is.

    `warmup` is how many seconds a new instance's metrics do not count for the scaling policies. Only what serves alone has a `warm_pool`.
    """

    min: int = Field(ge=0)
    max: int = Field(ge=1)
    desired: int | None = Field(default=None, ge=0)
    warmup: int | None = Field(default=None, ge=0)
    warm_pool: WarmPool | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.min <= (self.min if self.desired is None else self.desired) <= self.max:
            raise ValueError("min, desired and max must be in order")
        return self


class LifecycleHook(Section):
    """Given to the group as it is made, so that its first instances wait for it too; `timeout` in seconds, then `default` counts."""

    name: str = Field(pattern=r"^[A-Za-z0-9\-_/]{1,255}$")
    transition: Literal["launching", "terminating"]
    timeout: int = Field(default=3_600, ge=30, le=7_200)
    default: Literal["ABANDON", "CONTINUE"] = "ABANDON"
    metadata: str | None = Field(default=None, max_length=1_023)
    notify: str | None = Field(default=None, pattern=r"^arn:")
    role: str | None = Field(default=None, pattern=r"^arn:")


class ScalingPolicy(Section):
    """Target tracking: average CPU in percent, or the balancer's requests per target and minute."""

    metric: Literal["cpu", "requests"]
    target: float = Field(gt=0)


class LoadBalancer(Section):
    """
    With "attach" green joins the target groups in which blue is; with "classic" it does so with the classic load balancers `balancers`. With "weighted" there are two, one of them without traffic: green joins
    that one, and the rules' weights are moved in `steps` of percent. `preview` rules show green before (their ARNs).
    """

    target_groups: tuple[str, ...] = ()
    balancers: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    strategy: Literal["attach", "weighted", "classic"] = "attach"
    health_check_grace: int = Field(default=300, ge=0)
    steps: tuple[Annotated[int, Field(ge=1, le=100)], ...] = (1, 10, 50, 100)
    preview: tuple[str, ...] = ()
    stickiness: Literal["refuse", "wait"] = "refuse"

    @model_validator(mode="after")
    def _a_pair_and_steps_that_rise(self) -> Self:
        if self.strategy == "classic" and (self.target_groups or not self.balancers):
            raise ValueError(
                "the strategy classic goes by load balancers' names: give balancers, and no target_groups"
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


class Watch(Section):
    """
    What ends a release while its traffic is watched, by itself. Each is left out where it is not given.

    `alarms` are CloudWatch alarms, none of which may be in ALARM. `error_rate` is the most of green's answers that may be 5xx (0.01 is one
    percent), `latency` in seconds at the percentile `percentile`; with the strategy "weighted" `error_ratio` and `latency_ratio` are how many
    times blue's in the same minutes they may be. Fewer requests than `requests` decide nothing: then a person is asked, or it goes on.
    `period` is that of the metrics, in seconds.
    """

    alarms: tuple[str, ...] = ()
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
    Seconds that each wait may take, and between looks.

    The first look comes after `first_poll`, each later one after half as long again, up to `poll`. What was made a moment ago
    may be missing from AWS's lists for `consistency_grace`; `way_back` is how long AWS may refuse the way back before the ending is dirty.
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
        Seconds between the looks of a wait that long.

        At most a thousand looks: each is some ten events, and Temporal terminates a workflow with more than 51,200
        (https://docs.temporal.io/workflow-execution/limits).
        """
        return max(self.poll, wait / 1_000)


RENAMED = {"first_look": "first_poll", "settle": "consistency_grace"}


class Health(Section):
    """`reads` in a row with the same instances healthy; more than `may_lose` instances lost halts the release."""

    reads: int = Field(default=2, ge=1)
    may_lose: int = Field(default=0, ge=0)


class Approving(Section):
    """How an approval works where the stack asks for one; `rollbacks`: a rollback waits for one too."""

    when_expired: Literal["roll_back", "cut_over", "keep_waiting"] = "roll_back"
    by_another: bool = False
    rollbacks: bool = False


class Sweeping(Section):
    """No sweep removes more than `share` of what a stack has (one thing always may go), nor anything younger than `age`."""

    share: float = Field(default=0.5, gt=0, le=1)
    age: Seconds = 600


class Hook(Section):
    """
    Asked at a certain moment: `url` is called with a signed POST, or `command` is run over SSM on an instance of the new version.

    pre_bake, pre_cutover (green is healthy, and in the preview), post_cutover (it has all of the traffic, and is watched), on_rollback.
    What says no, or nothing in time, rolls the release back; on_rollback it is noted.
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
    """No cutover begins from `begin` until `end`; moments of TOML, with their offset."""

    begin: AwareDatetime
    end: AwareDatetime
    reason: str = ""


class Cutover(Section):
    """
    When a cutover may begin: in one of `windows` ("Mon-Fri 06:00-16:00", UTC) where there are any, and in no freeze. It waits until then.

    A rollback never waits, nor does a release that is urgent.
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
    unreleased_image_days: float = Field(default=14, gt=0)
    shared_image_days: float = Field(default=90, gt=0)


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
    lifecycle_hooks: tuple[LifecycleHook, ...] = ()
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
    tags: dict[str, Annotated[str, StringConstraints(max_length=256)]] = {}

    @model_validator(mode="after")
    def _one_policy_a_metric_and_no_tag_of_ours(self) -> Self:
        metrics = [policy.metric for policy in self.scaling]
        if len(metrics) != len(set(metrics)):
            raise ValueError("scaling has two policies for one metric")
        if any(key.startswith(("ovenbird:", "aws:")) for key in self.tags):
            raise ValueError("tags must not begin with ovenbird: or aws:")
        if len({hook.name for hook in self.hooks}) != len(self.hooks):
            raise ValueError("two hooks have one name")
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
                "AWS has no warm pool for a group of mixed instances: give one of instance.mixed and capacity.warm_pool"
            )
        if self.load_balancer.strategy == "classic" and "requests" in metrics:
            raise ValueError(
                "scaling on requests counts those of a target group: a classic load balancer has none"
            )
        if ratios and self.load_balancer.strategy != "weighted":
            raise ValueError(
                "watch.error_ratio and latency_ratio compare two target groups: only the strategy weighted has them"
            )
        return self

    @property
    def verifies(self) -> bool:
        """Must an image have served once, alone, before this stack uses it?"""
        return self.approval if self.bake.verify is None else self.bake.verify


def parse(text: str, source: str = "the stacks file") -> dict[str, Stack]:
    """
    All stacks of a TOML document, by name; `[defaults]` fills what a stack leaves out, table by table.

    Raises InvalidConfiguration with every mistake of every stack at once.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(f"{source} is not valid TOML: {error}") from None
    mistakes = [
        f"{key}: unknown table; the file holds [defaults] and [stacks.<name>]"
        for key in document
        if key not in ("defaults", "stacks")
    ]
    defaults, tables = document.get("defaults", {}), document.get("stacks", {})
    if not isinstance(tables, dict) or not tables:
        mistakes.append("stacks: at least one [stacks.<name>] is needed")
        tables = {}
    stacks: dict[str, Stack] = {}
    defaults = _by_its_new_names(defaults)
    for name, table in tables.items():
        try:
            stacks[name] = Stack.model_validate(
                _merged(defaults, _by_its_new_names(table)) | {"name": name}
            )
        except ValidationError as error:
            mistakes += [_sentence(name, table, defaults, details) for details in error.errors()]
    mistakes += [
        f"stacks.{stack.name}.bake.made_by: {wrong}"
        for stack in stacks.values()
        if (wrong := _wrong_maker(stack, tables, stacks))
    ]
    # What the defaults have wrong is wrong in every stack, and said once.
    mistakes = list(dict.fromkeys(mistakes))
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise InvalidConfiguration(
            f"{source} has {count}:\n" + "\n".join(f"  - {mistake}" for mistake in mistakes)
        )
    return stacks


def _wrong_maker(stack: Stack, tables: dict[str, Any], stacks: dict[str, Stack]) -> str:
    """Why the stack that makes its images cannot; empty where it can, or where that one's own mistakes are told already."""
    name = stack.bake.made_by
    if name is None or (name in tables and name not in stacks):
        return ""
    maker = stacks.get(name)
    if maker is None:
        return f"there is no stack {name}"
    if maker.bake.made_by:
        return f"{name} has its images made by {maker.bake.made_by}: name that one"
    if maker.application.name != stack.application.name:
        return f"{name} is a stack of {maker.application.name}, and this one of {stack.application.name}"
    if maker.region == stack.region:
        return f"{name} is in {stack.region} too: stacks of one application and region share their images as it is"
    if stack.region not in [copy.region for copy in maker.bake.copies]:
        return f"stacks.{name}.bake.copies does not name {stack.region}"
    return ""


def pick(stacks: dict[str, Stack], name: str) -> Stack:
    """Raises UnknownStack, naming those there are."""
    if name not in stacks:
        raise UnknownStack(
            f"there is no stack {name!r}; the stacks file has {', '.join(sorted(stacks))}"
        )
    return stacks[name]


def _has(table: Any, path: tuple[int | str, ...]) -> bool:
    for part in path:
        if not isinstance(table, dict) or part not in table:
            return isinstance(table, list)
        table = table[part]
    return True


def _by_its_new_names(table: Any) -> Any:
    """`patience` and what was in it are understood until 0.2; where both names are given, the table stays as it is."""
    if not isinstance(table, dict) or "patience" not in table or "timeouts" in table:
        return table
    waits = table["patience"]
    if isinstance(waits, dict):
        waits = {RENAMED.get(key, key): value for key, value in waits.items()}
    return {key: value for key, value in table.items() if key != "patience"} | {"timeouts": waits}


def _merged(defaults: Any, table: Any) -> Any:
    if not (isinstance(defaults, dict) and isinstance(table, dict)):
        return table
    return defaults | {key: _merged(defaults.get(key), value) for key, value in table.items()}


def _sentence(stack: str, table: Any, defaults: Any, details: Any) -> str:
    where = (
        ("defaults",)
        if not _has(table, details["loc"]) and _has(defaults, details["loc"])
        else ("stacks", stack)
    )
    place = ".".join(str(part) for part in (*where, *details["loc"]))
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        message = "unknown key"
    elif details["type"] == "missing":
        message = "is required"
    given = details.get("input")
    shown = (
        f" (it is {given!r})"
        if isinstance(given, str | int | float) and details["type"] != "extra_forbidden"
        else ""
    )
    return f"{place}: {message}{shown}"
