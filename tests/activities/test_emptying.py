"""A group that goes: the calls that AWS gets, in their order."""

from __future__ import annotations

from typing import Any

import pytest

from activities.group_requests import EmptyGroup, RemoveGroup
from activities.groups import Groups
from domain import names
from domain.errors import NotReady
from tests.activities.replies import Replies

REGION, RELEASE = "eu-west-1", "release-shop/run"
ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/one/1"
OLD = names.classic("old")
LOOKS = ("DescribeAutoScalingGroups", "DescribeTargetHealth", "DescribeInstanceHealth")
HELD = {"i-1": "InService", "i-2": "Terminating:Wait", "i-3": "Standby", "i-4": "Pending"}


def account(
    instances: dict[str, str], targets: dict[str, str] | None = None, **more: Any
) -> Replies:
    """`instances` and `targets` by id, with their states. All instances are protected."""
    group = {
        "AutoScalingGroupName": "green",
        "MinSize": 2,
        "MaxSize": 9,
        "DesiredCapacity": 2,
        "Tags": [{"Key": names.RELEASE, "Value": RELEASE}],
        "Instances": [
            {
                "InstanceId": instance,
                "LifecycleState": state,
                "HealthStatus": "Healthy",
                "ProtectedFromScaleIn": True,
            }
            for instance, state in instances.items()
        ],
    }
    return Replies(
        DescribeAutoScalingGroups={"AutoScalingGroups": [group | more]},
        DescribeTargetHealth={
            "TargetHealthDescriptions": [
                {"Target": {"Id": target}, "TargetHealth": {"State": state}}
                for target, state in (targets or {}).items()
            ]
        },
        DescribeInstanceHealth={
            "InstanceStates": [
                {"InstanceId": target, "State": "InService", "Description": state}
                for target, state in (targets or {}).items()
            ]
        },
    )


def changes(replies: Replies) -> list[tuple[str, dict[str, Any]]]:
    return [
        (operation, {k: v for k, v in parameters.items() if k != "AutoScalingGroupName"})
        for operation, parameters in replies.asked
        if operation not in LOOKS
    ]


def remove(replies: Replies, *target_groups: str) -> None:
    request = RemoveGroup(region=REGION, name="green", release=RELEASE, target_groups=target_groups)
    Groups(replies.aws).remove_group(request)


def test_what_is_attached_leaves_first_and_keeps_its_size_until_it_is_drained() -> None:
    replies = account({"i-1": "InService"}, {"i-1": "healthy"}, TargetGroupARNs=[ARN])

    with pytest.raises(NotReady, match="still in the load balancer: 1 healthy"):
        remove(replies)

    assert changes(replies) == [
        ("DetachLoadBalancerTargetGroups", {"TargetGroupARNs": [ARN]}),
        ("DeregisterTargets", {"TargetGroupArn": ARN, "Targets": [{"Id": "i-1"}]}),
    ]


@pytest.mark.parametrize("key", [ARN, OLD])
def test_what_drains_is_waited_for(key: str) -> None:
    state = "Instance deregistration currently in progress." if key == OLD else "draining"
    replies = account({"i-1": "InService"}, {"i-1": state, "i-of-blue": state})

    with pytest.raises(NotReady, match="still in the load balancer: 1 draining"):
        remove(replies, key)

    assert changes(replies) == []


def test_what_keeps_its_instances_is_undone_once_it_is_out_of_the_traffic() -> None:
    """AWS refuses the protection of all where one leaves, or is not in service yet."""
    replies = account(
        HELD, {"i-of-blue": "healthy"}, SuspendedProcesses=[{"ProcessName": "Terminate"}]
    )

    with pytest.raises(
        NotReady, match="4 instances: 1 InService, 1 Pending, 1 Standby, 1 Terminating:Wait"
    ):
        remove(replies, ARN)

    assert changes(replies) == [
        ("UpdateAutoScalingGroup", {"MinSize": 0, "DesiredCapacity": 0}),
        ("ResumeProcesses", {"ScalingProcesses": ["Terminate"]}),
        (
            "SetInstanceProtection",
            {"InstanceIds": ["i-1", "i-3"], "ProtectedFromScaleIn": False},
        ),
        (
            "TerminateInstanceInAutoScalingGroup",
            {"InstanceId": "i-3", "ShouldDecrementDesiredCapacity": False},
        ),
    ]


def test_what_is_empty_is_deleted_with_its_warm_pool() -> None:
    replies = account({}, TargetGroupARNs=[ARN], WarmPoolConfiguration={"MinSize": 1})

    remove(replies, ARN)

    assert [operation for operation, _ in changes(replies)] == [
        "DetachLoadBalancerTargetGroups",
        "UpdateAutoScalingGroup",
        "DeleteWarmPool",
        "DeleteAutoScalingGroup",
    ]


@pytest.mark.parametrize("left", [{}, {"i-1": "Terminating:Wait", "i-2": "Terminating:Retained"}])
def test_what_is_parked_is_as_it_was_once_nothing_of_it_serves(left: dict[str, str]) -> None:
    replies = account(left, MinSize=0, MaxSize=0, DesiredCapacity=0)

    Groups(replies.aws).empty_group(EmptyGroup(region=REGION, name="green", suspend_terminate=True))

    assert changes(replies) == [("SuspendProcesses", {"ScalingProcesses": ["Terminate"]})]
