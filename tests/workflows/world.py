"""An AWS account in memory: each call is recorded, may fail, and is checked for lost capacity."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.config import Stack
from domain.errors import AwsRefused, TransientError
from domain.images import BakeIdentity
from domain.models import TargetGroup
from domain.watch import Counted
from tests.workflows.account import Account

Action = Callable[[], Awaitable[object] | object]


@dataclass(frozen=True)
class Call:
    """`at` is when it began, in seconds; `number` counts the calls of that name from one."""

    name: str
    number: int
    request: Any
    at: float


@dataclass
class _Trap:
    """What happens before a call: at that `number`, or the first time that `when` holds."""

    name: str
    action: Action
    number: int | None
    when: Callable[[], bool]
    sprung: bool = False


@dataclass
class _Late:
    """A change that was answered and takes effect only `looks` looks later."""

    looks: int
    change: Action


@dataclass(repr=False)
class World:
    """The account, what the stack's configuration and repository say, and what goes wrong."""

    stack: Stack
    target_groups: tuple[TargetGroup, ...]
    account: Account = field(default_factory=Account)
    stacks: dict[str, Stack] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    alarms: dict[str, str] = field(default_factory=dict)
    # Seconds of draining by target group, where it is not one.
    delays: dict[str, float] = field(default_factory=dict)
    counted: dict[str, Counted] = field(default_factory=dict)
    hook_answers: dict[str, Exception] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    # The id and the run id of every workflow that called an activity, children too.
    runs: set[tuple[str, str]] = field(default_factory=set)
    # What an answer is taken from where AWS does not show yet what was done: by the call's name.
    shown: dict[str, Account] = field(default_factory=dict)
    # What was there before the first workflow began, and what others changed since then.
    before: Account = field(default_factory=Account)
    # In the units of the groups' sizes: what the balancer must have at every moment.
    needed: int = 0
    broken: list[str] = field(default_factory=list)
    _traps: list[_Trap] = field(default_factory=list)
    _late: list[_Late] = field(default_factory=list)
    _delays: dict[str, int] = field(default_factory=dict)
    _unanswered: set[str] = field(default_factory=set)
    _errors: dict[str, list[tuple[Exception, bool]]] = field(default_factory=dict)

    @property
    def arns(self) -> tuple[str, ...]:
        return tuple(group.arn for group in self.target_groups)

    def begin(self) -> None:
        """From now on the promises count."""
        self.before = self.account.copy()
        self.needed = self.capacity()

    def somebody(self, change: Callable[[Account], object]) -> None:
        """Another hand than Ovenbird's: what it takes is not missed, what it changes stays so."""
        change(self.account)
        change(self.before)
        self.needed = min(self.needed, self.capacity())

    def capacity(self) -> int:
        """What is healthy at every place that gets traffic: the least of them."""
        return min((self.account.healthy_units(arn) for arn in self.with_traffic()), default=0)

    def with_traffic(self) -> list[str]:
        preview = self.stack.load_balancer.preview
        rules = [rule for rule in self.account.rules.values() if rule.arn not in preview]
        if rules:
            return sorted({arn for rule in rules for arn in self.arns if rule.weights.get(arn)})
        return [arn for arn in self.arns if self.before.healthy_units(arn)] or list(self.arns)

    # What goes wrong.

    def refuse(self, name: str, words: str = "AccessDenied: not authorized") -> None:
        """Every call of that name, from now on, with a terminal error."""
        self._errors.setdefault(name, []).append((AwsRefused(f"AWS refused {words}"), True))

    def allow(self, name: str) -> None:
        del self._errors[name]

    def fail(self, name: str, error: Exception | None = None, *, times: int = 1) -> None:
        """The next calls of that name do nothing and raise: a transient error, or the given one."""
        failure = error or TransientError("AWS will be asked again: Throttling: Rate exceeded")
        self._errors.setdefault(name, []).extend([(failure, False)] * times)

    def lose_reply(self, name: str) -> None:
        """The next call of that name takes effect, and its answer never comes."""
        self._unanswered.add(name)

    def at(self, name: str, action: Action, number: int = 1) -> None:
        """Before that call of that name, counted from the first one."""
        self._traps.append(_Trap(name, action, number, lambda: True))

    def when(self, name: str, holds: Callable[[], bool], action: Action) -> None:
        """Before the first call of that name at which it holds."""
        self._traps.append(_Trap(name, action, None, holds))

    def delay(self, name: str, *, looks: int) -> None:
        """The next call of that name takes effect only after as many looks at the balancer."""
        self._delays[name] = looks

    # What was done.

    def named(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.name == name]

    def names(self) -> list[str]:
        return [call.name for call in self.calls]

    def looks_after(self, name: str) -> int:
        """How often the balancer was looked at since the first call of that name."""
        names = self.names()
        return names[names.index(name) :].count("observe")

    async def perform(self, name: str, request: Any, change: Callable[[], Awaitable[Any]]) -> Any:
        """One call: recorded, disturbed, done, and looked at."""
        number = len(self.named(name)) + 1
        self.calls.append(Call(name, number, request, time.monotonic()))
        await self._spring(name, number)
        errors = self._errors.get(name, [])
        if errors:
            error, for_ever = errors[0]
            if not for_ever:
                errors.pop(0)
            raise error
        if name in self._delays:
            self._late.append(_Late(self._delays.pop(name), change))
            return None
        answer = await change()
        if name == "observe":
            await self._catch_up()
        self._check(name, number)
        if name in self._unanswered:
            self._unanswered.remove(name)
            raise TransientError("AWS did not answer: the connection was closed")
        return answer

    async def _spring(self, name: str, number: int) -> None:
        for trap in self._traps:
            due = trap.name == name and trap.number in (None, number) and not trap.sprung
            if due and trap.when():
                trap.sprung = True
                outcome = trap.action()
                if inspect.isawaitable(outcome):
                    await outcome

    async def _catch_up(self) -> None:
        for late in list(self._late):
            late.looks -= 1
            if late.looks <= 0:
                self._late.remove(late)
                outcome = late.change()
                if inspect.isawaitable(outcome):
                    await outcome

    def _check(self, name: str, number: int) -> None:
        """Capacity is never lost: from the first to the last call."""
        if (left := self.capacity()) < self.needed:
            self.broken.append(
                f"after {name} {number} the balancer had {left} healthy of {self.needed} needed"
            )


class Door(Interceptor):
    """Every activity of a worker goes through its world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 (the SDK's own name)
        return _Door(next, self._world)


class _Door(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, world: World) -> None:
        super().__init__(inner)
        self._world = world

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 (the SDK's own name)
        info = activity.info()
        name = info.activity_type
        assert info.workflow_id
        assert info.workflow_run_id
        self._world.runs.add((info.workflow_id, info.workflow_run_id))
        inner = super().execute_activity
        return await self._world.perform(name, input.args[0], lambda: inner(input))


def identity(stack: Stack, tag: str, commit: str, base_image: str) -> BakeIdentity:
    """What the image of that commit would be; the recipe is always the same."""
    return BakeIdentity(
        application=stack.application.name,
        tag=tag,
        commit=commit,
        base_image=base_image,
        recipe="recipe",
        builder=stack.bake.builder,
        architecture=stack.bake.architecture,
        account="123456789012",
        region=stack.region,
        stack=stack.name,
        verified=stack.verifies,
    )
