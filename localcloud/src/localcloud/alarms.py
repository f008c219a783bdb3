"""CloudWatch alarms on a balancer's metrics are evaluated, and execute scaling policies."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Any

from localcloud.metrics import NAMESPACES, Metrics
from localcloud.region import Region
from localcloud.upstream import backends

LOOK = 0.5
COMPARED: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


class Alarms:
    def __init__(self, region: Region, metrics: Metrics) -> None:
        self._metrics = metrics
        self._next_look = 0.0
        region.every_tick(self._tick)

    def _tick(self) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK
        self._metrics.read_log()
        for cloudwatch in backends("cloudwatch"):
            for alarm in list(cloudwatch.alarms.values()):
                if alarm.namespace in NAMESPACES:
                    self._evaluate(cloudwatch.region_name, alarm)

    def _evaluate(self, region: str, alarm: Any) -> None:
        values = self._values(region, alarm)
        known = [value for value in values if value is not None]
        breaching = sum(_is_breaching(alarm, value) for value in values)
        if breaching >= int(alarm.datapoints_to_alarm or alarm.evaluation_periods):
            state = "ALARM"
        elif known or alarm.treat_missing_data == "notBreaching":
            state = "OK"
        else:
            state = "INSUFFICIENT_DATA"
        if alarm.state_value == state:
            return
        alarm.update_state(f"Threshold Crossed: {breaching} datapoints {known}", "{}", state)
        for action in (alarm.alarm_actions or []) if state == "ALARM" else []:
            _execute(action)

    def _values(self, region: str, alarm: Any) -> list[float | None]:
        """Of the periods that are over; None is a period without data."""
        period, now = int(alarm.period), int(time.time())
        dimensions = {dimension.name: dimension.value for dimension in alarm.dimensions}
        statistic = alarm.statistic or alarm.extended_statistic
        last = now - now % period
        return [
            self._metrics.value(
                region, alarm.metric_name, dimensions, statistic, begin, begin + period
            )
            for begin in range(last - period * int(alarm.evaluation_periods), last, period)
        ]


def _is_breaching(alarm: Any, value: float | None) -> bool:
    if value is None:
        return bool(alarm.treat_missing_data == "breaching")
    return COMPARED[alarm.comparison_operator](value, float(alarm.threshold))


def _execute(action: str) -> None:
    """A scaling policy that an alarm names. A topic has no subscribers here."""
    for autoscaling in backends("autoscaling"):
        for policy in [one for one in autoscaling.policies.values() if one.arn == action]:
            policy.execute()
