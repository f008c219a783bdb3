"""What a sweep sees of an account: who is healthy where, group by group."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from temporalio.client import Client

from activities.inventory import Inventories, TakeInventory
from domain import names
from tests.activities.replies import Replies

ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/one/1"
OLD = names.classic("old")
# It takes the inventory without asking Temporal.
NOBODY = cast("Client", None)


def group(name: str, *instances: str, attached: bool = True) -> dict[str, Any]:
    return {
        "AutoScalingGroupName": name,
        "MinSize": 0,
        "MaxSize": 9,
        "DesiredCapacity": len(instances),
        "CreatedTime": datetime(2026, 11, 1, tzinfo=UTC),
        "TargetGroupARNs": [ARN] if attached else [],
        "Instances": [
            {
                "InstanceId": instance,
                "LifecycleState": "InService",
                "HealthStatus": "Healthy",
                "AvailabilityZone": "eu-west-1a",
                "WeightedCapacity": "2",
            }
            for instance in instances
        ],
    }


def take(replies: Replies) -> dict[str, dict[str, int]]:
    asked = TakeInventory(
        region="eu-west-1", stack="shop", application="shop", target_groups=(ARN, OLD)
    )
    return Inventories(replies.aws, NOBODY).take_inventory(asked).healthy


def answers(*groups: dict[str, Any]) -> Replies:
    states = {"i-1": "healthy", "i-2": "unhealthy", "i-3": "healthy", "of-others": "healthy"}
    return Replies(
        DescribeAutoScalingGroups={"AutoScalingGroups": list(groups)},
        DescribeLaunchTemplates={"LaunchTemplates": []},
        DescribeInstances={"Reservations": []},
        DescribeSecurityGroups={"SecurityGroups": []},
        DescribeSnapshots={
            "Snapshots": [
                {"SnapshotId": snapshot, "StartTime": datetime(2026, 11, 1, tzinfo=UTC)}
                for snapshot in ("snap-used", "snap-left")
            ]
        },
        DescribeImages={
            "Images": [
                {
                    "ImageId": "ami-1",
                    "BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-used"}}],
                }
            ]
        },
        DescribeTargetHealth={
            "TargetHealthDescriptions": [
                {"Target": {"Id": instance}, "TargetHealth": {"State": state}}
                for instance, state in states.items()
            ]
        },
        DescribeInstanceHealth={
            "InstanceStates": [
                {"InstanceId": "i-1", "State": "InService", "Description": "N/A"},
                {
                    "InstanceId": "i-3",
                    "State": "InService",
                    "Description": "Instance deregistration currently in progress.",
                },
            ]
        },
    )


def test_healthy_units_are_counted_by_group_and_target_group_attached_or_not() -> None:
    found = take(answers(group("blue", "i-1", "i-2"), group("green", "i-3", attached=False)))

    assert found == {"blue": {ARN: 2, OLD: 2}, "green": {ARN: 2}}


def test_a_classic_balancer_is_asked_about_these_instances_in_one_call() -> None:
    replies = answers(group("blue", "i-2", "i-1"), group("green", "i-3"))

    take(replies)

    (asked,) = [
        parameters for name, parameters in replies.asked if name == "DescribeInstanceHealth"
    ]
    assert asked["Instances"] == [{"InstanceId": i} for i in ("i-1", "i-2", "i-3")]
    assert replies.operations.count("DescribeTargetHealth") == 1


def test_where_nothing_runs_no_balancer_is_asked() -> None:
    replies = answers(group("parked"))

    assert take(replies) == {"parked": {}}
    assert "DescribeTargetHealth" not in replies.operations


def test_a_snapshot_whose_image_is_gone_is_left() -> None:
    replies = answers(group("blue", "i-1"))
    asked = TakeInventory(
        region="eu-west-1", stack="shop", application="shop", target_groups=(ARN,)
    )

    owned = Inventories(replies.aws, NOBODY).take_inventory(asked).owned

    assert [(it.kind, it.id) for it in owned] == [("snapshot", "snap-left")]
