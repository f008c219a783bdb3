"""Is green as good as it must be, by the answers that its users get?"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from domain.config import Stack, Watch
from domain.errors import InvalidRequest
from domain.health import Healthy, Unhealthy
from domain.models import Model

# Of a 95 % confidence interval:
# https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval
Z = 1.96
# Fewer errors than these count as none.
FEWEST = 3
# Seconds: latencies below this are never too high by their ratio.
SLOW_ENOUGH = 0.05
# Taken as blue's error rate where it was lower: a ratio to zero has no meaning.
NEARLY_NONE = 0.001


class Counted(Model):
    """
    The traffic of one target group since the watch began.

    `errors` are the 5xx answers, whoever gave them; `unanswered` of them the load balancer gave in
    a target's place. `latency` is in seconds at the configured percentile, of the worst period.
    """

    requests: int = 0
    errors: int = 0
    latency: float | None = None
    unanswered: int = 0

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0


class Watched(Model):
    """`alarms` are states by name, in CloudWatch's words. `blue` needs its own target group."""

    alarms: dict[str, str] = {}
    green: Counted = Counted()
    blue: Counted | None = None


class Red(Model):
    """What breached before a rollback began: alarms by name, those that are missing too; limits."""

    alarms: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    def __or__(self, other: Red) -> Red:
        return Red(
            alarms=tuple(sorted({*self.alarms, *other.alarms})),
            limits=tuple(sorted({*self.limits, *other.limits})),
        )

    @property
    def words(self) -> str:
        return ", ".join([*(f"the alarm {name}" for name in self.alarms), *self.limits])


@dataclass(frozen=True)
class Inconclusive:
    reason: str


def count(
    requests: int,
    answers: int,
    errors: int,
    balancers: int,
    latency: float | None,
    *,
    alone: bool,
) -> Counted:
    """
    What users got, of what AWS counts apart: `answers` of the targets, `errors` of them 5xx, and
    `balancers`: the 5xx that the load balancer itself gave.

    A target that gives no answer, or cuts the connection, has none of its own: the load balancer
    answers 502, 503 or 504 in its place. AWS counts those by load balancer only. Where that has
    other target groups too (not `alone`), at most the requests without an answer are ours. Fewer
    may be: a client hung up, or a WebSocket was opened (101), which is in no count of answers.
    """
    missing = max(0, requests - answers)
    unanswered = balancers if alone else min(missing, balancers)
    return Counted(
        requests=max(requests, answers + unanswered),
        errors=errors + unanswered,
        latency=latency,
        unanswered=unanswered,
    )


def judge(
    seen: Watched, watch: Watch, before: Red | None = None
) -> Healthy | Unhealthy | Inconclusive:
    """
    Unhealthy names the metric, its value and its limit. What was red `before` does not judge.

    An error rate counts only as far as chance does not explain it: one error in five requests is
    no rate of 20 %.
    """
    before = before or Red()
    if ringing := sorted(_ringing(seen) - {*before.alarms}):
        return Unhealthy(f"the alarm {', '.join(ringing)} is in ALARM{_in_spite_of(ringing)}")
    if missing := sorted(_missing(seen, watch) - {*before.alarms}):
        return Unhealthy(f"there is no alarm {', '.join(missing)}{_in_spite_of(missing)}")
    for limit, breach in _breaches(seen, watch).items():
        if limit not in before.limits:
            return Unhealthy(breach)
    if watch.measures and seen.green.requests < watch.requests:
        return Inconclusive(
            f"{seen.green.requests} requests are too few to judge it by: "
            f"watch.requests asks for {watch.requests}"
        )
    return Healthy()


def red(seen: Watched, watch: Watch) -> Red:
    """All that breaches now. `seen.green` is what serves."""
    alarms = _ringing(seen) | _missing(seen, watch)
    return Red(alarms=tuple(sorted(alarms)), limits=tuple(_breaches(seen, watch)))


def all_red(watch: Watch) -> Red:
    """Where nothing can be read, nothing is known to be in order."""
    return Red(alarms=watch.alarms, limits=tuple(_LIMITS) if watch.measures else ())


def still_red(before: Red, seen: Watched, watch: Watch) -> Red:
    """An alarm is until it was OK once, a limit until enough requests have kept it."""
    breached = _breaches(seen, watch)
    few = seen.green.requests < watch.requests
    return Red(
        alarms=tuple(name for name in before.alarms if seen.alarms.get(name) != "OK"),
        limits=tuple(limit for limit in before.limits if few or limit in breached),
    )


def in_spite_of(stack: Stack, alarms: Collection[str]) -> Stack:
    """The stack, which watches these no more. Raises InvalidRequest for one that it never did."""
    watched = stack.watch.alarms
    if unknown := sorted(set(alarms) - set(watched)):
        there_are = f"it watches {', '.join(watched)}" if watched else "it watches none"
        raise InvalidRequest(
            f"{stack.name} watches no alarm {', '.join(unknown)}, so nothing can be done in spite "
            f"of it: {there_are}"
        )
    left = tuple(name for name in watched if name not in alarms)
    return stack.model_copy(update={"watch": stack.watch.model_copy(update={"alarms": left})})


def _ringing(seen: Watched) -> set[str]:
    return {name for name, state in seen.alarms.items() if state == "ALARM"}


def _missing(seen: Watched, watch: Watch) -> set[str]:
    return set(watch.alarms) - seen.alarms.keys()


def _in_spite_of(alarms: list[str]) -> str:
    options = " ".join(f"--despite {name}" for name in alarms)
    return f" (to go on in spite of it: {options})"


def _breaches(seen: Watched, watch: Watch) -> dict[str, str]:
    """By limit: what breaches it."""
    found = {limit: breach(seen, watch) for limit, breach in _LIMITS.items()}
    return {limit: words for limit, words in found.items() if words}


def _errors(seen: Watched, watch: Watch) -> str:
    green, blue = seen.green, seen.blue
    surely = at_least(green.errors, green.requests)
    words = f"{green.errors} of {green.requests} answers were 5xx ({green.error_rate:.1%})"
    if green.unanswered:
        words += f", {green.unanswered} of them the load balancer's since no target answered"
    if watch.error_rate is not None and surely > watch.error_rate:
        return (
            f"the error rate of the new version is too high: {words}, "
            f"and watch.error_rate allows {watch.error_rate:.1%}"
        )
    if watch.error_ratio is not None and blue and blue.requests >= watch.requests:
        limit = watch.error_ratio * max(blue.error_rate, NEARLY_NONE)
        if surely > limit:
            return (
                f"the error rate of the new version is too high: {words}, against "
                f"{blue.error_rate:.1%} of the old version's in the same minutes, "
                f"and watch.error_ratio allows {watch.error_ratio:g} times that"
            )
    return ""


def _latency(seen: Watched, watch: Watch) -> str:
    green, blue = seen.green, seen.blue
    if green.latency is None or green.requests < watch.requests:
        return ""
    words = (
        f"the latency of the new version is too high: {green.latency:.3f} s "
        f"at the {watch.percentile:g}th percentile"
    )
    if watch.latency is not None and green.latency > watch.latency:
        return f"{words}, and watch.latency allows {watch.latency:g} s"
    if (
        watch.latency_ratio is not None
        and blue
        and blue.latency is not None
        and blue.requests >= watch.requests
    ):
        limit = max(watch.latency_ratio * blue.latency, SLOW_ENOUGH)
        if green.latency > limit:
            return (
                f"{words}, against {blue.latency:.3f} s of the old version's, "
                f"and watch.latency_ratio allows {watch.latency_ratio:g} times that"
            )
    return ""


_LIMITS = {"the error rate": _errors, "the latency": _latency}


def at_least(errors: int, requests: int) -> float:
    """The error rate that is behind this count at the least: the lower end of Wilson's interval."""
    if errors < FEWEST:
        return 0.0
    rate, weight = errors / requests, Z * Z / requests
    middle = rate + weight / 2
    spread = Z * math.sqrt((rate * (1 - rate) + weight / 4) / requests)
    return max(0.0, (middle - spread) / (1 + weight))
