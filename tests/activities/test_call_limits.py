"""What AWS takes only so much of in one call is asked for in several."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.balancers import Balancers, FindTargetGroups, Membership
from activities.group_requests import EnsureGroup, MarkGroups, Pin
from activities.groups import Groups
from activities.images import FindUsers, Images
from activities.schedules import MoveSchedule, Schedules
from domain import names
from domain.errors import AwsRefused
from tests.activities.replies import Replies

REGION = "eu-west-1"
ARNS = tuple(f"arn:tg-{number}" for number in range(11))
CLASSICS = tuple(names.classic(f"web-{number}") for number in range(11))
TAGS = {f"tag-{number}": "x" for number in range(40)}


def lengths(replies: Replies, operation: str, key: str) -> list[int]:
    return [len(asked[key]) for name, asked in replies.asked if name == operation]


@pytest.mark.parametrize("verb", ["attach", "detach"])
def test_a_group_joins_and_leaves_ten_balancers_a_call(verb: str) -> None:
    replies = Replies()
    balancers = Balancers(replies.aws)
    member = Membership(region=REGION, group="shop-v1", target_groups=(*ARNS, *CLASSICS))

    getattr(balancers, verb)(member)

    call = verb.capitalize()
    assert lengths(replies, f"{call}LoadBalancerTargetGroups", "TargetGroupARNs") == [10, 1]
    assert lengths(replies, f"{call}LoadBalancers", "LoadBalancerNames") == [10, 1]


def test_target_groups_are_described_twenty_a_call() -> None:
    found = [{"TargetGroupArn": f"arn:{n}", "TargetGroupName": f"{n}"} for n in range(21)]
    groups = [group | {"LoadBalancerArns": ["arn:lb"]} for group in found]
    replies = Replies(DescribeTargetGroups={"TargetGroups": groups})
    asked = FindTargetGroups(region=REGION, names=tuple(f"arn:{n}" for n in range(21)))

    assert len(Balancers(replies.aws).find_target_groups(asked)) == 21
    assert lengths(replies, "DescribeTargetGroups", "TargetGroupArns") == [20, 1]


def test_tags_are_put_on_a_group_25_a_call() -> None:
    replies = Replies()
    pin = Pin(region=REGION, group="shop-v1", minimum=2, original=1, marks=TAGS)

    Groups(replies.aws).mark(MarkGroups(region=REGION, tags={"shop-v1": TAGS, "shop-v2": TAGS}))
    Groups(replies.aws).pin_minimum(pin)

    assert lengths(replies, "CreateOrUpdateTags", "Tags") == [25, 25, 25, 5, 25, 16]


def test_a_group_is_made_with_the_tags_that_say_whose_it_is_and_the_rest_follows() -> None:
    ours = {f"ovenbird:{number}": "x" for number in range(9)}
    replies = Replies()

    Groups(replies.aws).ensure_group(
        EnsureGroup(
            region=REGION,
            name="shop-v1",
            launch="shop-v1",
            configuration=True,
            subnets=("subnet-1",),
            min=1,
            max=1,
            desired=1,
            health_check_grace=0,
            tags=TAGS | ours | {names.RELEASE: "release"},
            marks=dict.fromkeys(names.MARKS, ""),
        )
    )

    (made,) = [asked["Tags"] for name, asked in replies.asked if name == "CreateAutoScalingGroup"]
    propagated = {tag["Key"]: tag["PropagateAtLaunch"] for tag in made}
    assert len(made) == 25
    assert {*ours, names.RELEASE, *names.MARKS} <= propagated.keys()
    # A mark changes while the instances live: it is the group's alone.
    assert [key for key, propagate in propagated.items() if not propagate] == list(names.MARKS)
    assert lengths(replies, "CreateOrUpdateTags", "Tags") == [25, 7]


def test_images_are_looked_for_200_a_filter() -> None:
    replies = Replies(
        DescribeInstances={"Reservations": []},
        DescribeLaunchTemplateVersions={"LaunchTemplateVersions": []},
        DescribeLaunchConfigurations={"LaunchConfigurations": []},
    )

    Images(replies.aws).find_users(
        FindUsers(region=REGION, images=tuple(f"ami-{number}" for number in range(201)))
    )

    for operation in ("DescribeInstances", "DescribeLaunchTemplateVersions"):
        filters = [asked["Filters"][0] for name, asked in replies.asked if name == operation]
        assert [len(one["Values"]) for one in filters] == [200, 1]


@pytest.mark.parametrize("where", ["adding", "deleting"])
def test_a_scheduled_action_that_aws_refuses_keeps_none_of_the_others(where: str) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    found = [
        {"ScheduledActionName": name, "AutoScalingGroupName": "v1", "StartTime": tomorrow}
        for name in ("day", "night")
    ]
    refused: list[dict[str, Any]] = [{"ScheduledActionName": "night", "ErrorMessage": "no"}]
    replies = Replies(
        DescribeScheduledActions={"ScheduledUpdateGroupActions": found},
        BatchPutScheduledUpdateGroupAction=(
            {"FailedScheduledUpdateGroupActions": refused} if where == "adding" else {}
        ),
        BatchDeleteScheduledAction=(
            {"FailedScheduledActions": refused} if where == "deleting" else {}
        ),
    )

    with pytest.raises(AwsRefused, match="night: no"):
        Schedules(replies.aws).move_schedule(MoveSchedule(region=REGION, source="v1", target="v2"))

    (deleted,) = [a for name, a in replies.asked if name == "BatchDeleteScheduledAction"]
    kept = ["day"] if where == "adding" else ["day", "night"]
    assert deleted["ScheduledActionNames"] == kept
