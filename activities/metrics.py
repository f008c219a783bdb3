"""CloudWatch's metrics of a target group's traffic, and the states of alarms."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity

from activities.aws import Aws, chunks, translated
from domain import names
from domain.config import Watch
from domain.models import Model, TargetGroup
from domain.watch import Counted, Watched, count

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
MOST_ALARMS = 100
# Of HTTP's statuses: a target's answers have metrics for these.
CLASSES = (2, 3, 4, 5)


class ReadWatch(Model):
    """Everything from `since` on. `blue` is None where it shares green's target group."""

    region: str
    watch: Watch
    green: TargetGroup
    blue: TargetGroup | None
    since: datetime


class Metrics:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def read_watch(self, request: ReadWatch) -> Watched:
        """One call for all metrics, and one for all alarms."""
        alarms = self._alarms(request) if request.watch.alarms else {}
        if not request.watch.measures:
            return Watched(alarms=alarms)
        sides = {"green": request.green} | ({"blue": request.blue} if request.blue else {})
        period = request.watch.period
        # Whole periods only: traffic from before the shift must not count.
        start = datetime.fromtimestamp(-(-request.since.timestamp() // period) * period, UTC)
        end = datetime.now(UTC)
        if end - start < timedelta(seconds=period):
            return Watched(alarms=alarms, blue=Counted() if request.blue else None)
        queries = [
            query for side, group in sides.items() for query in _queries(side, group, request.watch)
        ]
        found: dict[str, list[float]] = {}
        pages = (
            self._aws.cloudwatch(request.region)
            .get_paginator("get_metric_data")
            .paginate(MetricDataQueries=queries, StartTime=start, EndTime=end)
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                found.setdefault(result["Id"], []).extend(result["Values"])
        counted = {side: _counted(found, side, group) for side, group in sides.items()}
        return Watched(alarms=alarms, green=counted["green"], blue=counted.get("blue"))

    def _alarms(self, request: ReadWatch) -> dict[str, str]:
        found: dict[str, str] = {}
        for names_ in chunks(request.watch.alarms, MOST_ALARMS):
            described: Any = self._aws.cloudwatch(request.region).describe_alarms(
                AlarmNames=names_,
                AlarmTypes=["MetricAlarm", "CompositeAlarm"],
                MaxRecords=MOST_ALARMS,
            )
            for alarm in (
                *described.get("MetricAlarms", []),
                *described.get("CompositeAlarms", []),
            ):
                found[alarm["AlarmName"]] = alarm["StateValue"]
        return found


def _queries(side: str, group: TargetGroup, watch: Watch) -> Iterable[Any]:
    """
    A target group's requests, answers and latency, and the errors of its load balancer.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html
    """
    if names.is_classic(group.arn):
        namespace, latency = "AWS/ELB", "Latency"
        answers, balancers = "HTTPCode_Backend_{}XX", "HTTPCode_ELB_5XX"
        balancer = dimensions = {"LoadBalancerName": group.name}
    else:
        namespace, latency = "AWS/ApplicationELB", "TargetResponseTime"
        answers, balancers = "HTTPCode_Target_{}XX_Count", "HTTPCode_ELB_5XX_Count"
        # AWS has no metric of the balancer's own answers by target group.
        balancer = {"LoadBalancer": names.balancer_label(group.load_balancers[0])}
        dimensions = balancer | {"TargetGroup": group.arn.rsplit(":", maxsplit=1)[-1]}
    wanted = {
        "requests": ("RequestCount", "Sum", dimensions),
        "balancers": (balancers, "Sum", balancer),
        "latency": (latency, f"p{watch.percentile:g}", dimensions),
    } | {f"answers{code}": (answers.format(code), "Sum", dimensions) for code in CLASSES}
    for name, (metric, stat, of) in wanted.items():
        named = [{"Name": key, "Value": value} for key, value in of.items()]
        yield {
            "Id": f"{side}_{name}",
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": named},
                "Period": watch.period,
                "Stat": stat,
            },
        }


def _counted(found: dict[str, list[float]], side: str, group: TargetGroup) -> Counted:
    def total(name: str) -> int:
        return int(sum(found.get(f"{side}_{name}", [])))

    return count(
        requests=total("requests"),
        answers=sum(total(f"answers{code}") for code in CLASSES),
        errors=total("answers5"),
        balancers=total("balancers"),
        latency=max(found.get(f"{side}_latency", []), default=None),
        alone=names.is_classic(group.arn),
    )
