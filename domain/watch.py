"""Is green as good as it must be, by what its users get? Facts in, verdict out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from domain.config import Watch
from domain.health import Healthy, Unhealthy
from domain.models import Model

# Of a 95 % confidence interval, one-sided enough for our purpose: https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval
Z = 1.96
# So many errors may happen to any version.
FEWEST = 3
# Below that, twice as slow is noise.
SLOW_ENOUGH = 0.05
# Of blue's error rate, where it had none: no ratio of nothing.
NEARLY_NONE = 0.001


class Counted(Model):
    """Of one target group since the watch began: answers, 5xx among them, latency in seconds at the asked percentile (worst period)."""

    requests: int = 0
    errors: int = 0
    latency: float | None = None

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0


class Watched(Model):
    """`alarms` by name, in CloudWatch's words; `blue` where it has a target group of its own."""

    alarms: dict[str, str] = {}
    green: Counted = Counted()
    blue: Counted | None = None


@dataclass(frozen=True)
class Inconclusive:
    reason: str


def judge(seen: Watched, watch: Watch) -> Healthy | Unhealthy | Inconclusive:
    """
    Unhealthy names metric, value and limit. An error rate counts only as far as chance does not explain it: a handful of requests
    with one error among them is no rate of twenty percent.
    """
    if ringing := sorted(name for name, state in seen.alarms.items() if state == "ALARM"):
        return Unhealthy(f"the alarm {', '.join(ringing)} is in ALARM")
    if missing := sorted(set(watch.alarms) - seen.alarms.keys()):
        return Unhealthy(f"there is no alarm {', '.join(missing)}")
    for reason in (_errors(seen, watch), _latency(seen, watch)):
        if reason:
            return Unhealthy(reason)
    if watch.measures and seen.green.requests < watch.requests:
        return Inconclusive(
            f"{seen.green.requests} requests are too few to judge it by: watch.requests asks for {watch.requests}"
        )
    return Healthy()


def _errors(seen: Watched, watch: Watch) -> str:
    green, blue = seen.green, seen.blue
    surely = at_least(green.errors, green.requests)
    words = f"{green.errors} of {green.requests} answers were 5xx ({green.error_rate:.1%})"
    if watch.error_rate is not None and surely > watch.error_rate:
        return f"the error rate of the new version is too high: {words}, and watch.error_rate allows {watch.error_rate:.1%}"
    if watch.error_ratio is not None and blue and blue.requests >= watch.requests:
        limit = watch.error_ratio * max(blue.error_rate, NEARLY_NONE)
        if surely > limit:
            return (
                f"the error rate of the new version is too high: {words}, against {blue.error_rate:.1%} of the old version's in the same "
                f"minutes, and watch.error_ratio allows {watch.error_ratio:g} times that"
            )
    return ""


def _latency(seen: Watched, watch: Watch) -> str:
    green, blue = seen.green, seen.blue
    if green.latency is None or green.requests < watch.requests:
        return ""
    words = f"the latency of the new version is too high: {green.latency:.3f} s at the {watch.percentile:g}th percentile"
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
            return f"{words}, against {blue.latency:.3f} s of the old version's, and watch.latency_ratio allows {watch.latency_ratio:g} times that"
    return ""


def at_least(errors: int, requests: int) -> float:
    """The error rate that is behind this count at the least: the lower end of Wilson's interval."""
    if errors < FEWEST:
        return 0.0
    rate, weight = errors / requests, Z * Z / requests
    middle = rate + weight / 2
    spread = Z * math.sqrt((rate * (1 - rate) + weight / 4) / requests)
    return max(0.0, (middle - spread) / (1 + weight))
