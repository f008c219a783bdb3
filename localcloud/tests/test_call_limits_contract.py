"""How much AWS takes in one call, and how many tags a group has; each limit has its page."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from harness import Account, refused

from localcloud.call_limits import LIMITS


def tags(group: str, number: int, first: int = 0) -> Any:
    return [
        {
            "ResourceId": group,
            "ResourceType": "auto-scaling-group",
            "Key": f"tag-{n}",
            "Value": "x",
            "PropagateAtLaunch": False,
        }
        for n in range(first, first + number)
    ]


def test_a_call_sets_25_tags_and_a_group_has_50(account: Account, group: str) -> None:
    put = account.autoscaling.create_or_update_tags
    there = len(account.groups(group)[0]["Tags"])

    assert refused(put, Tags=tags(group, 26)) == "ValidationError"
    put(Tags=tags(group, 25))
    put(Tags=tags(group, 25 - there, first=25))
    assert refused(put, Tags=tags(group, 1, first=50)) == "LimitExceeded"
    # What is there already takes no more room.
    put(Tags=tags(group, 25))


@pytest.mark.parametrize(
    "wrong", [{"Key": "k" * 129}, {"Key": "AWS:x"}, {"Value": "v" * 257}], ids=str
)
def test_a_tag_is_refused_for_its_text(account: Account, group: str, wrong: Any) -> None:
    (tag,) = tags(group, 1)

    code = refused(account.autoscaling.create_or_update_tags, Tags=[tag | wrong])

    assert code == "ValidationError"


def test_balancers_are_joined_left_and_described_so_many_at_once(
    account: Account, group: str
) -> None:
    scaling, arns = account.autoscaling, [f"arn:{n}" for n in range(21)]
    groups = {"AutoScalingGroupName": group, "TargetGroupARNs": arns[:11]}
    balancers = {"AutoScalingGroupName": group, "LoadBalancerNames": arns[:11]}

    assert refused(scaling.attach_load_balancer_target_groups, **groups) == "ValidationError"
    assert refused(scaling.detach_load_balancer_target_groups, **groups) == "ValidationError"
    assert refused(scaling.attach_load_balancers, **balancers) == "ValidationError"
    assert refused(scaling.detach_load_balancers, **balancers) == "ValidationError"
    describe = account.elbv2.describe_target_groups
    assert refused(describe, TargetGroupArns=arns) == "ValidationError"
    assert refused(describe, Names=arns) == "ValidationError"


def test_a_filter_has_200_values_and_user_data_16_kb(account: Account) -> None:
    values: Any = [{"Name": "image-id", "Values": [f"ami-{n}" for n in range(201)]}]
    assert refused(account.ec2.describe_instances, Filters=values) == "FilterLimitExceeded"
    large: Any = {"UserData": base64.b64encode(b"#" * 16_385).decode()}
    code = refused(
        account.ec2.create_launch_template, LaunchTemplateName="large", LaunchTemplateData=large
    )
    assert code == "InvalidParameterValue"


def test_every_limit_of_a_call_has_its_page() -> None:
    assert all(limit.page.startswith("https://docs.aws.amazon.com/") for limit in LIMITS)
