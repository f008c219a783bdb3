"""
What CloudWatch says of a balancer, from its access log.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html
"""

from __future__ import annotations

import math
import re
import statistics
import time
from bisect import bisect_left
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from localcloud import pages
from localcloud.envoy import is_by_target
from localcloud.limits import vcpus_in_use
from localcloud.patches import Original, corrects

# A classic balancer's metrics have names of their own.
NAMESPACES = ("AWS/ApplicationELB", "AWS/ELB")
# Given by a target, or by the balancer itself: those are counted by balancer alone.
CODE = re.compile(r"HTTPCode_(?:Target|Backend)_([2345])XX(?:_Count)?")
BALANCERS_CODE = re.compile(r"HTTPCode_ELB_([345](?:XX|\d\d))(?:_Count)?")
REMEMBER = 3_600
VCPU_USAGE = {
    "Service": "EC2",
    "Resource": "vCPU",
    "Type": "Resource",
    "Class": "Standard/OnDemand",
}


class Answer(NamedTuple):
    """`at` is the second of the answer. `chosen`: a target was; `by_target`: it gave the answer."""

    at: float
    status: int
    seconds: float
    chosen: bool
    by_target: bool


class Metrics:
    def __init__(self, access_log: Path) -> None:
        self._log = access_log
        self._read = 0
        # By a target group's cluster and by balancer, in the order in which they were answered.
        self._answers: dict[str, list[Answer]] = defaultdict(list)

    @corrects(
        "moto.cloudwatch.models:CloudWatchBackend.get_metric_data",
        "A balancer's metrics are counted from its traffic; AWS/Usage has the vCPUs in use.",
        pages.cloudwatch("GetMetricData"),
    )
    def get_metric_data(
        self,
        original: Original,
        cloudwatch: Any,
        queries: list[dict[str, Any]],
        start_time: datetime,
        end_time: datetime,
        *more: Any,
        **named: Any,
    ) -> Any:
        metrics = [query.get("MetricStat", {}).get("Metric", {}) for query in queries]
        namespaces = [metric.get("Namespace") for metric in metrics]
        if namespaces == ["AWS/Usage"]:
            return [_usage(cloudwatch.region_name, queries[0], end_time)]
        known = [namespace in NAMESPACES for namespace in namespaces]
        if not any(known):
            return original(cloudwatch, queries, start_time, end_time, *more, **named)
        if not all(known):
            raise NotImplementedError(
                f"GetMetricData of {NAMESPACES} together with expressions or other metrics"
            )
        region = cloudwatch.region_name
        return [self._result(region, query, start_time, end_time) for query in queries]

    def read_log(self) -> None:
        """What the balancer has answered since the last call."""
        if not self._log.exists():
            return
        with self._log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode().splitlines():
            balancer, cluster, host, details, code, milliseconds, began = line.split(" ")
            seconds, status = float(milliseconds) / 1_000, int(code)
            by_target = is_by_target(details, status)
            answer = Answer(float(began) + seconds, status, seconds, host != "-", by_target)
            for key in {balancer, cluster}:
                self._answers[key].append(answer)
        old = time.time() - REMEMBER
        for answers in self._answers.values():
            # Nearly in order: one look is the most that they are out of order by.
            if answers and answers[0].at < old - REMEMBER:
                del answers[: bisect_left(answers, old, key=lambda answer: answer.at)]

    def value(
        self,
        region: str,
        metric: str,
        dimensions: dict[str, str],
        statistic: str,
        begin: float,
        end: float,
    ) -> float | None:
        """None where there is no datum: CloudWatch has none for minutes without requests."""
        key = _key(region, metric, dimensions)
        answers = [answer for answer in self._answers[key] if begin <= answer.at < end]
        if metric in ("TargetResponseTime", "Latency"):
            return _statistic([each.seconds for each in answers if each.by_target], statistic)
        counted = _count(metric, dimensions, answers)
        if statistic != "Sum":
            raise NotImplementedError(f"{statistic} of {metric}: there is Sum alone")
        return float(counted) if counted else None

    def _result(
        self, region: str, query: dict[str, Any], start: datetime, end: datetime
    ) -> dict[str, Any]:
        """Values and their times, the newest first."""
        asked = query["MetricStat"]
        metric, period = asked["Metric"], int(asked["Period"])
        dimensions = _dimensions(metric)
        first, last = (
            int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) for moment in (start, end)
        )
        found: list[tuple[datetime, float]] = []
        for begin in range(first - first % period, last, period):
            value = self.value(
                region, metric["MetricName"], dimensions, asked["Stat"], begin, begin + period
            )
            if value is not None:
                found.insert(0, (datetime.fromtimestamp(begin, UTC), value))
        return {
            "id": query["Id"],
            "label": query.get("Label", metric["MetricName"]),
            "status_code": "Complete",
            "values": [value for _, value in found],
            "timestamps": [moment for moment, _ in found],
        }


def _usage(region: str, query: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The one usage that is kept here: vCPUs on demand, as they are now."""
    dimensions = _dimensions(query["MetricStat"]["Metric"])
    if dimensions != VCPU_USAGE:
        raise NotImplementedError(f"AWS/Usage of {dimensions}")
    return {
        "id": query["Id"],
        "label": "ResourceCount",
        "status_code": "Complete",
        "values": [vcpus_in_use(region)],
        "timestamps": [now],
    }


def _dimensions(metric: dict[str, Any]) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in metric.get("Dimensions", [])}


def balancer_key(region: str, label: str) -> str:
    """`label` is the value of the dimension LoadBalancer."""
    return f"{region}/{label}"


def _key(region: str, metric: str, dimensions: dict[str, str]) -> str:
    target_group = dimensions.get("TargetGroup", "").split("/")
    if len(target_group) > 1:
        return f"{region}-{target_group[1]}"
    if "LoadBalancer" in dimensions:
        return balancer_key(region, dimensions["LoadBalancer"])
    if "LoadBalancerName" in dimensions:
        return f"classic-{region}-{dimensions['LoadBalancerName']}"
    raise NotImplementedError(
        f"{metric} by {sorted(dimensions)}: there are metrics by target group and by balancer"
    )


def _count(metric: str, dimensions: dict[str, str], answers: list[Answer]) -> int:
    """AWS counts a request where a target was chosen, and an answer by who gave it."""
    if metric == "RequestCount":
        return sum(answer.chosen for answer in answers)
    if code := CODE.fullmatch(metric):
        return sum(answer.by_target and _is(answer.status, code[1]) for answer in answers)
    if code := BALANCERS_CODE.fullmatch(metric):
        # Of a target group there is no such metric: AWS has no datum either.
        if "TargetGroup" in dimensions:
            return 0
        return sum(not answer.by_target and _is(answer.status, code[1]) for answer in answers)
    raise NotImplementedError(f"the metric {metric}")


def _is(status: int, code: str) -> bool:
    """`code` is a status, or a class of them: 502, 5XX, 5."""
    return str(status).startswith(code.removesuffix("XX"))


def _statistic(values: list[float], statistic: str) -> float | None:
    if not values:
        return None
    if statistic == "Average":
        return statistics.fmean(values)
    if statistic == "Maximum":
        return max(values)
    if statistic.startswith("p"):
        ordered = sorted(values)
        rank = math.ceil(len(ordered) * float(statistic[1:]) / 100)
        return ordered[min(len(ordered), rank) - 1]
    raise NotImplementedError(f"the statistic {statistic}")
