"""A look at groups of any size is small, and tells whose targets are still draining."""

from __future__ import annotations

from typing import Any

import pytest

from activities.observer import Observe, Observer
from domain.group_health import digest
from domain.health import Seen, health_of
from domain.observation import Observation
from tests.activities.replies import Replies

REGION, ARN = "eu-west-1", "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/0123456789"
# Bytes of a look's answer at both groups, in JSON.
FEW = 1_800


def described(name: str, ids: list[str]) -> dict[str, Any]:
    return {
        "AutoScalingGroupName": name,
        "MinSize": 1,
        "MaxSize": 2000,
        "DesiredCapacity": len(ids),
        "Tags": [{"Key": f"team-{n}", "Value": "x" * 100} for n in range(40)],
        "TargetGroupARNs": [ARN],
        "Instances": [
            {"InstanceId": i, "LifecycleState": "InService", "HealthStatus": "Healthy"} for i in ids
        ],
    }


def look(
    blue: list[str], green: list[str], states: dict[str, str], tags: dict[str, str], **more: Any
) -> Observation:
    """`states` are those of targets, `tags` the groups that launched the instances."""
    answers = Replies(
        DescribeAutoScalingGroups={
            "AutoScalingGroups": [described("blue", blue), described("green", green)]
        },
        DescribeTargetHealth={
            "TargetHealthDescriptions": [
                {"Target": {"Id": i}, "TargetHealth": {"State": state, "Reason": state}}
                for i, state in states.items()
            ]
        },
        DescribeInstances={
            "Reservations": [
                {
                    "Instances": [
                        {
                            "InstanceId": i,
                            "Tags": [{"Key": "aws:autoscaling:groupName", "Value": group}],
                        }
                        for i, group in tags.items()
                    ]
                }
            ]
        },
    )
    request = Observe(
        region=REGION, groups={"blue": (ARN,), "green": (ARN,)}, explain="green", **more
    )
    return Observer(answers.aws).observe(request)


def ids(word: str, number: int) -> list[str]:
    return [f"i-{word}{n:013}" for n in range(number)]


@pytest.mark.parametrize("state", ["healthy", "unhealthy", "draining"])
def test_a_look_at_a_thousand_instances_is_as_small_as_one_at_two(state: str) -> None:
    blue, green = ids("b", 1000), ids("a", 1000)
    states = dict.fromkeys(blue, state) | dict.fromkeys(green, "healthy")
    known = digest(green)

    serving = look(blue, green, states, {}, drains="blue")
    launching = look(blue, green, states, {}, launching=True, known=known)

    assert len(serving.model_dump_json()) < FEW
    assert len(launching.model_dump_json()) < FEW
    assert serving.drain
    assert serving.drain.left == 1000


def test_the_ids_of_a_launch_are_told_once() -> None:
    green = ids("a", 3)
    first = look([], green, dict.fromkeys(green, "healthy"), {}, launching=True)
    seen = Seen().with_read(health_of(first.groups["green"]))
    fewer = look(
        [], green[:2], dict.fromkeys(green, "healthy"), {}, launching=True, known=seen.present
    )
    again = look([], green, dict.fromkeys(green, "healthy"), {}, launching=True, known=seen.present)

    assert seen.instances == set(green)
    assert health_of(again.groups["green"]).ids is None
    assert seen.with_read(health_of(again.groups["green"])).lost == set()
    assert seen.with_read(health_of(fewer.groups["green"])).lost == {green[2]}


@pytest.mark.parametrize(
    ("tags", "left"),
    [
        ({"i-gone": "blue"}, 2),
        ({"i-gone": "another"}, 1),
        # AWS has forgotten the instance: it may have been blue's.
        ({}, 2),
    ],
)
def test_an_instance_that_ended_while_it_drained_is_waited_for_if_it_was_blues(
    tags: dict[str, str], left: int
) -> None:
    states = {"i-b": "draining", "i-a": "healthy", "i-gone": "draining", "10.0.0.7": "draining"}
    drain = look(["i-b"], ["i-a"], states, tags, drains="blue").drain

    assert drain
    assert drain.left == left


def test_a_target_of_neither_group_is_a_stranger() -> None:
    states = {"i-b": "unused", "i-a": "healthy", "i-x": "healthy", "10.0.0.7": "initial"}
    drain = look(["i-b"], ["i-a"], states, {}, drains="blue").drain

    assert drain
    assert (drain.left, drain.strangers, drain.registered) == (0, ("10.0.0.7", "i-x"), 4)
