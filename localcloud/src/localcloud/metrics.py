"""What CloudWatch says of a balancer, from its access log; and alarms on it."""

from __future__ import annotations

import math
import operator
import re
import statistics
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.autoscaling.models import autoscaling_backends
from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends

from localcloud.limits import vcpus_in_use
from localcloud.region import Region, backends, correct

# A classic balancer's metrics have names of their own.
NAMESPACES = ("AWS/ApplicationELB", "AWS/ELB")
CODE = re.compile(r"HTTPCode_(?:Target|Backend)_([2345])XX(?:_Count)?")
LOOK = 0.5
REMEMBER = 3_600
# Target group, who answered, status, milliseconds, when.
FORMAT = "%UPSTREAM_CLUSTER% %UPSTREAM_HOST% %RESPONSE_CODE% %DURATION% %START_TIME(%s.%3f)%\n"
COMPARED: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
# One request: (second it was answered, status, seconds it took).
Answer = tuple[float, int, float]


class Metrics:
    def __init__(self, region: Region, log: Path) -> None:
        self.region = region
        self.log = log
        self._read = 0
        self._next_look = 0.0
        # By the name of a target group's cluster, in the order in which they were answered.
        self._answers: dict[str, list[Answer]] = defaultdict(list)

    def access_log(self) -> dict[str, Any]:
        return {
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": str(self.log),
                "log_format": {"text_format_source": {"inline_string": FORMAT}},
            },
        }

    def install(self) -> None:
        metrics = self
        self.region.every_tick(self._tick)

        @correct(CloudWatchBackend, "get_metric_data")
        def get_metric_data(
            original: Any,
            self: Any,
            queries: Any,
            start_time: datetime,
            end_time: datetime,
            *args: Any,
            **kwargs: Any,
        ) -> Any:
            if [
                query.get("MetricStat", {}).get("Metric", {}).get("Namespace") for query in queries
            ] == ["AWS/Usage"]:
                return [metrics.usage(self.region_name, queries[0], end_time)]
            ours = [
                query
                for query in queries
                if query.get("MetricStat", {}).get("Metric", {}).get("Namespace") in NAMESPACES
            ]
            if not ours:
                return original(self, queries, start_time, end_time, *args, **kwargs)
            if len(ours) != len(queries):
                raise NotImplementedError(
                    f"GetMetricData of {NAMESPACES} together with expressions or other metrics"
                )
            return [metrics._result(self, query, start_time, end_time) for query in queries]

    @staticmethod
    def usage(region: str, query: dict[str, Any], now: datetime) -> dict[str, Any]:
        """The one usage that is kept here: vCPUs on demand, as they are now."""
        dimensions = {
            item["Name"]: item["Value"] for item in query["MetricStat"]["Metric"]["Dimensions"]
        }
        if dimensions != {
            "Service": "EC2",
            "Resource": "vCPU",
            "Type": "Resource",
            "Class": "Standard/OnDemand",
        }:
            raise NotImplementedError(f"AWS/Usage of {dimensions}")
        return {
            "id": query["Id"],
            "label": "ResourceCount",
            "status_code": "Complete",
            "values": [vcpus_in_use(region)],
            "timestamps": [now],
        }

    def _tick(self) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK
        self._take_in()
        for cloudwatch in backends(cloudwatch_backends):
            for alarm in list(cloudwatch.alarms.values()):
                if alarm.namespace in NAMESPACES:
                    self._evaluate(cloudwatch, alarm)

    def _take_in(self) -> None:
        if not self.log.exists():
            return
        with self.log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode().splitlines():
            cluster, host, status, milliseconds, began = line.split(" ")
            took = float(milliseconds) / 1_000
            # What no target answered is no metric of a target group's.
            if host != "-":
                self._answers[cluster].append((float(began) + took, int(status), took))
        old = time.time() - REMEMBER
        for answers in self._answers.values():
            # Nearly in order: what is out of order is so by no more than one look.
            if answers and answers[0][0] < old - REMEMBER:
                del answers[: bisect_left(answers, (old, 0, 0.0))]

    def _result(
        self, cloudwatch: Any, query: dict[str, Any], start: datetime, end: datetime
    ) -> dict[str, Any]:
        wanted, period = query["MetricStat"], int(query["MetricStat"]["Period"])
        dimensions = {
            item["Name"]: item["Value"] for item in wanted["Metric"].get("Dimensions", [])
        }
        first, last = (
            int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) for moment in (start, end)
        )
        first -= first % period
        found = []
        for begin in range(first, last, period):
            value = self.value(
                cloudwatch.region_name,
                wanted["Metric"]["MetricName"],
                dimensions,
                wanted["Stat"],
                begin,
                begin + period,
            )
            if value is not None:
                found.append((datetime.fromtimestamp(begin, UTC), value))
        found.reverse()
        return {
            "id": query["Id"],
            "label": query.get("Label", wanted["Metric"]["MetricName"]),
            "status_code": "Complete",
            "values": [value for _, value in found],
            "timestamps": [moment for moment, _ in found],
        }

    def value(
        self,
        region: str,
        metric: str,
        dimensions: dict[str, str],
        stat: str,
        begin: float,
        end: float,
    ) -> float | None:
        """None where there is no datum, as CloudWatch has none for minutes without requests."""
        name = dimensions.get("TargetGroup", "").split("/")
        if len(name) < 2 and "LoadBalancerName" not in dimensions:
            raise NotImplementedError(
                f"{metric} by {sorted(dimensions)}: metrics are kept by target group and by classic balancer here"
            )
        cluster = (
            f"{region}-{name[1]}"
            if len(name) > 1
            else f"classic-{region}-{dimensions['LoadBalancerName']}"
        )
        answers = [a for a in self._answers[cluster] if begin <= a[0] < end]
        if metric in ("TargetResponseTime", "Latency"):
            return _statistic([took for _, _, took in answers], stat)
        if metric == "RequestCount":
            counted = len(answers)
        elif code := CODE.fullmatch(metric):
            counted = sum(status // 100 == int(code[1]) for _, status, _ in answers)
        else:
            raise NotImplementedError(f"the metric {metric}")
        if stat != "Sum":
            raise NotImplementedError(f"{stat} of {metric}: Sum is what there is")
        return float(counted) if counted else None

    def _evaluate(self, cloudwatch: Any, alarm: Any) -> None:
        period, now = int(alarm.period), int(time.time())
        dimensions = {dimension.name: dimension.value for dimension in alarm.dimensions}
        stat, breaching = alarm.statistic or alarm.extended_statistic, 0
        last = now - now % period
        values = [
            self.value(
                cloudwatch.region_name, alarm.metric_name, dimensions, stat, begin, begin + period
            )
            for begin in range(last - period * int(alarm.evaluation_periods), last, period)
        ]
        for value in values:
            missing = alarm.treat_missing_data == "breaching"
            breaching += (
                missing
                if value is None
                else COMPARED[alarm.comparison_operator](value, float(alarm.threshold))
            )
        wanted = int(alarm.datapoints_to_alarm or alarm.evaluation_periods)
        known = [value for value in values if value is not None]
        state = (
            "ALARM"
            if breaching >= wanted
            else "OK"
            if known or alarm.treat_missing_data == "notBreaching"
            else "INSUFFICIENT_DATA"
        )
        if alarm.state_value != state:
            alarm.update_state(f"Threshold Crossed: {breaching} datapoints {known}", "{}", state)
            for action in (alarm.alarm_actions or []) if state == "ALARM" else []:
                _execute(action)


def _execute(action: str) -> None:
    """A scaling policy that an alarm names; what else it may name (a topic) has no subscribers here."""
    for autoscaling in backends(autoscaling_backends):
        for policy in [policy for policy in autoscaling.policies.values() if policy.arn == action]:
            policy.execute()


def _statistic(values: list[float], stat: str) -> float | None:
    if not values:
        return None
    if stat == "Average":
        return statistics.fmean(values)
    if stat.startswith("p"):
        ordered = sorted(values)
        return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * float(stat[1:]) / 100) - 1)]
    if stat == "Maximum":
        return max(values)
    raise NotImplementedError(f"the statistic {stat}")
