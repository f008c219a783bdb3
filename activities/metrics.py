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
from domain.watch import Counted, Watched

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
MOST_ALARMS = 100


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
        counted = {side: _counted(found, side) for side in sides}
        return Watched(alarms=alarms, green=counted["green"], blue=counted.get("blue"))

    def _alarms(self, request: ReadWatch) -> dict[str, str]:
        found: dict[str, str] = {}
        for names_ in chunks(request.watch.alarms, MOST_ALARMS):
            described: Any = self._aws.cloudwatch(request.region).describe_alarms(
                AlarmNames=names_, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
            for alarm in (
                *described.get("MetricAlarms", []),
                *described.get("CompositeAlarms", []),
            ):
                found[alarm["AlarmName"]] = alarm["StateValue"]
        return found


def _queries(side: str, group: TargetGroup, watch: Watch) -> Iterable[Any]:
    """
    Green's and blue's requests, errors and latency.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """
    if names.is_classic(group.arn):
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html
        namespace, errors, latency = "AWS/ELB", "HTTPCode_Backend_5XX", "Latency"
        dimensions = [{"Name": "LoadBalancerName", "Value": group.name}]
    else:
        namespace, errors, latency = (
            "AWS/ApplicationELB",
            "HTTPCode_Target_5XX_Count",
            "TargetResponseTime",
        )
        dimensions = [
            {"Name": "TargetGroup", "Value": group.arn.rsplit(":", maxsplit=1)[-1]},
            {"Name": "LoadBalancer", "Value": names.balancer_label(group.load_balancers[0])},
        ]
    for name, metric, stat in (
        ("requests", "RequestCount", "Sum"),
        ("errors", errors, "Sum"),
        ("latency", latency, f"p{watch.percentile:g}"),
    ):
        yield {
            "Id": f"{side}_{name}",
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions},
                "Period": watch.period,
                "Stat": stat,
            },
        }


def _counted(found: dict[str, list[float]], side: str) -> Counted:
    return Counted(
        requests=int(sum(found.get(f"{side}_requests", []))),
        errors=int(sum(found.get(f"{side}_errors", []))),
        latency=max(found.get(f"{side}_latency", []), default=None),
    )
