"""One question for all metrics of both sides, and what their answers are together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.metrics import Metrics, ReadWatch
from domain import names
from domain.config import Watch
from domain.models import TargetGroup
from tests.activities.replies import Replies

BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/web/0123456789abcdef"


def target_group(name: str) -> TargetGroup:
    arn = f"arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{name}/0123456789abcdef"
    return TargetGroup(arn=arn, name=name, load_balancers=(BALANCER,))


CLASSIC = TargetGroup(arn=names.classic("web"), name="web")
# By the kind of the balancer: the metric of its own answers, and those of the targets.
KINDS = {
    "application": ("HTTPCode_ELB_5XX_Count", "HTTPCode_Target_{}XX_Count"),
    "classic": ("HTTPCode_ELB_5XX", "HTTPCode_Backend_{}XX"),
}


def read(green: TargetGroup, blue: TargetGroup | None, answers: dict[str, int]) -> tuple[Any, Any]:
    """`answers` of green by metric; what was seen of it, and the questions."""
    since = datetime.now(UTC) - timedelta(minutes=10)
    request = ReadWatch(
        region="eu-west-1", watch=Watch(error_rate=0.05), green=green, blue=blue, since=since
    )
    asking = Replies(GetMetricData={"MetricDataResults": []})
    Metrics(asking.aws).read_watch(request)
    ((operation, asked),) = asking.asked
    assert operation == "GetMetricData"
    queries = {
        (query["Id"].split("_")[0], query["MetricStat"]["Metric"]["MetricName"]): query
        for query in asked["MetricDataQueries"]
    }
    results = [
        {"Id": query["Id"], "Values": [answers[metric]]}
        for (side, metric), query in queries.items()
        if side == "green" and metric in answers
    ]
    replies = Replies(GetMetricData={"MetricDataResults": results})
    return Metrics(replies.aws).read_watch(request).green, queries


@pytest.mark.parametrize("kind", KINDS)
def test_every_fifth_connection_that_is_cut_is_an_error(kind: str) -> None:
    """
    The load balancer answers 502 in the target's place: no metric of the targets has it.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """
    balancers, answers = KINDS[kind]
    by_code = {answers.format(code): number for code, number in ((2, 390), (4, 6), (5, 4))}
    told = by_code | {"RequestCount": 500, balancers: 100}
    green = CLASSIC if kind == "classic" else target_group("green")

    seen, _ = read(green, None, told)

    assert (seen.requests, seen.errors, seen.unanswered) == (500, 104, 100)


def test_the_balancers_own_answers_are_asked_for_by_balancer_alone() -> None:
    """AWS has no such metric by target group. Everything is one call, for both sides."""
    _, queries = read(target_group("green"), target_group("blue"), {})

    def dimensions(side: str, metric: str) -> list[str]:
        return [d["Name"] for d in queries[side, metric]["MetricStat"]["Metric"]["Dimensions"]]

    for side in ("green", "blue"):
        assert dimensions(side, "HTTPCode_ELB_5XX_Count") == ["LoadBalancer"]
        for code in (2, 3, 4, 5):
            metric = f"HTTPCode_Target_{code}XX_Count"
            assert dimensions(side, metric) == ["LoadBalancer", "TargetGroup"]
