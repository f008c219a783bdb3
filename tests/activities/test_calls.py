"""Calls whose form protects somebody: each is seen as AWS would get it."""

from __future__ import annotations

from typing import Any

import pytest

from activities.group_requests import EnsureGroup
from activities.groups import Groups
from activities.images import ImageRef, Images
from activities.preflight import Preflight, PreflightOf
from domain import names
from domain.config import Stack
from domain.errors import AwsRefused
from tests.activities.replies import Replies
from tests.workflows.blueprint import balancer, settings

REGION = "eu-west-1"
ZONES = ("eu-west-1a", "eu-west-1b")
STACK = Stack.model_validate(settings("shop"))


def account(**more: Any) -> Replies:
    """In which nothing stops a release of two t3.micro, but for what `more` says."""
    answers: dict[str, Any] = {
        "DescribeSubnets": {
            "Subnets": [
                {"SubnetId": f"subnet-{z}", "AvailabilityZone": z, "AvailableIpAddressCount": 99}
                for z in ZONES
            ]
        },
        "DescribeInstanceTypes": {
            "InstanceTypes": [{"InstanceType": "t3.micro", "VCpuInfo": {"DefaultVCpus": 2}}]
        },
        "DescribeInstanceTypeOfferings": {
            "InstanceTypeOfferings": [{"Location": zone} for zone in ZONES]
        },
        "DescribeLoadBalancers": {
            "LoadBalancers": [
                {"LoadBalancerName": "web", "AvailabilityZones": [{"ZoneName": z} for z in ZONES]}
            ]
        },
        "DescribeAccountLimits": {
            "NumberOfAutoScalingGroups": 9,
            "MaxNumberOfAutoScalingGroups": 10,
        },
        "GetServiceQuota": {"Quota": {"Value": 100.0}},
        "GetMetricData": {"MetricDataResults": []},
    }
    return Replies(**(answers | more))


def problems(replies: Replies) -> list[str]:
    asked = PreflightOf(stack=STACK, size=2, target_groups=balancer(STACK))
    return [check.problem for check in Preflight(replies.aws).preflight(asked) if check.problem]


def test_an_account_with_room_for_one_more_group_stops_nothing() -> None:
    assert problems(account()) == []


@pytest.mark.parametrize("there", [10, 11])
def test_an_account_without_room_for_another_group_is_told_before_anything_is_made(
    there: int,
) -> None:
    limits = {"NumberOfAutoScalingGroups": there, "MaxNumberOfAutoScalingGroups": 10}

    assert problems(account(DescribeAccountLimits=limits)) == [
        f"the account has {there} of 10 Auto Scaling groups: prune, or ask AWS for more"
    ]


def test_a_zone_in_which_aws_does_not_offer_the_type_is_named() -> None:
    offered = {"InstanceTypeOfferings": [{"Location": ZONES[0]}]}

    assert problems(account(DescribeInstanceTypeOfferings=offered)) == [
        "AWS offers no t3.micro in eu-west-1b"
    ]


@pytest.mark.parametrize("ours", [False, True])
def test_an_image_is_disabled_before_it_is_deregistered(*, ours: bool) -> None:
    """Between the two calls nobody can launch it; its protection is lifted where it is ours."""
    replies = Replies()

    Images(replies.aws).delete_image(ImageRef(region=REGION, id="ami-1", unprotect=ours))

    lifted = ["DisableImageDeregistrationProtection"] if ours else []
    assert replies.operations == [*lifted, "DisableImage", "DeregisterImage"]
    assert replies.asked[-1][1] == {"ImageId": "ami-1", "DeleteAssociatedSnapshots": True}


@pytest.mark.parametrize("stays", ["missing-permissions", "internal-error", "client-error"])
def test_a_snapshot_that_stays_when_its_image_goes_is_said(stays: str) -> None:
    """AWS answers such a call as if all of it had been done."""
    codes = {"snap-1": "success", "snap-2": "skipped", "snap-3": stays}
    results = [{"SnapshotId": id_, "ReturnCode": code} for id_, code in codes.items()]
    replies = Replies(DeregisterImage={"Return": True, "DeleteSnapshotResults": results})

    with pytest.raises(AwsRefused, match=rf"its snapshots snap-3 \({stays}\): a sweep"):
        Images(replies.aws).delete_image(ImageRef(region=REGION, id="ami-1"))


def test_a_group_cannot_be_deleted_by_force() -> None:
    """Nobody's ForceDelete takes what serves."""
    replies = Replies()

    Groups(replies.aws).ensure_group(
        EnsureGroup(
            region=REGION,
            name="shop-v1",
            launch="shop-v1",
            configuration=False,
            subnets=("subnet-1",),
            min=1,
            max=2,
            desired=1,
            health_check_grace=60,
            tags={names.RELEASE: "release-shop/run"},
        )
    )

    ((operation, parameters),) = replies.asked
    assert operation == "CreateAutoScalingGroup"
    assert parameters["DeletionProtection"] == "prevent-force-deletion"


def test_what_aws_hardly_ever_changes_is_asked_once_an_hour_and_again_before_a_refusal() -> None:
    replies = account(GetServiceQuota={"Quota": {"Value": 5.0}})
    preflight, rare = Preflight(replies.aws), ("DescribeInstanceType", "GetServiceQuota")

    def asked(size: int) -> list[str]:
        replies.asked.clear()
        preflight.preflight(PreflightOf(stack=STACK, size=size, target_groups=balancer(STACK)))
        return [name for name in replies.operations if name.startswith(rare)]

    assert sorted(asked(1)) == [
        "DescribeInstanceTypeOfferings",
        "DescribeInstanceTypes",
        "GetServiceQuota",
    ]
    assert asked(2) == []
    # Three instances need six vCPUs: somebody may have raised the quota since.
    assert asked(3) == ["GetServiceQuota"]
