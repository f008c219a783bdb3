"""I6: neither a lost reply nor a list that is behind changes how a release ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.shared_images import APPLICATION
from tests.stacks import StackUnderTest, eventually, new_tags, unbaked

LOST = [
    "CreateSecurityGroup",
    "RunInstances",
    "SendCommand",
    "StopInstances",
    "CreateImage",
    "TerminateInstances",
    "DeleteSecurityGroup",
    "CreateLaunchTemplate",
    "CreateAutoScalingGroup",
    "PutScalingPolicy",
    "AttachLoadBalancerTargetGroups",
    "DetachLoadBalancerTargetGroups",
    "CreateOrUpdateTags",
    "UpdateAutoScalingGroup",
]
STALE = [
    "DescribeInstances",
    "DescribeImages",
    "DescribeSecurityGroups",
    "DescribeAutoScalingGroups",
    "DeleteLaunchTemplate",
]


@pytest.mark.shared_images
async def test_a_lost_reply_to_any_change_changes_nothing_about_how_it_ends(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """I6: each call takes effect, but its reply is lost. Nothing is made twice."""
    stack = make_stack(
        top='scaling = [{ metric = "cpu", target = 50 }]', capacity="min = 1\nmax = 8\ndesired = 2"
    )
    new_tags(stack, "v1", unbaked(stack))
    await stack.release("v1")
    stack.account.forget_calls()
    for action in LOST:
        stack.account.fault("lost_reply", action)
    stack.account.fault("throttle", "DescribeTargetHealth")
    stack.account.fault("error", "DescribeAutoScalingGroups")
    await stack.release(unbaked(stack))
    calls = stack.account.calls()

    assert sorted({call["action"] for call in calls if call["fault"] == "lost_reply"}) == sorted(
        LOST
    )
    made = [call["action"] for call in calls if call["outcome"].startswith("ok")]
    images = stack.account.snapshot(only=f"ovenbird/{APPLICATION}").images.values()
    assert len([name for name in images if unbaked(stack) in name]) == 1
    assert made.count("SendCommand") == 2
    assert (
        made.count("CreateAutoScalingGroup")
        == made.count("CreateImage")
        == made.count("CreateSecurityGroup")
        == 1
    )
    left = stack.snapshot()
    assert len(left.groups) == len(left.templates) == 2
    assert len(left.instances) == 2


async def test_what_aws_does_not_show_yet_is_neither_made_twice_nor_left_behind(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """Eventual consistency: for a second no list shows what was made, and its reply is lost."""
    stack = make_stack(top="approval = true", timeouts={"consistency_grace": 3})
    new_tags(stack, "v1")
    before = stack.snapshot()
    for action in STALE:
        stack.account.fault("stale", action, times=None, seconds=1)
    for phase, lost in (
        ("baking", "RunInstances"),
        ("launching", "CreateAutoScalingGroup"),
        ("launching", "CreateLaunchTemplate"),
    ):
        await abort_after_a_lost_reply(stack, lost, phase)
        assert stack.snapshot() == before
        await until_the_bake_has_cleared_up(stack)
    assert (await stack.release("v1"))["tag"] == "v1"
    assert len(stack.snapshot().groups) == 1


async def abort_after_a_lost_reply(stack: StackUnderTest, action: str, by: str) -> None:
    stack.account.forget_calls()
    stack.account.fault("lost_reply", action)
    handle = await stack.start("v1")

    def calls() -> list[tuple[str, str]]:
        return [(call["action"], call["outcome"]) for call in stack.account.calls()]

    async def made() -> bool:
        return (action, "ok (reply lost)") in calls()

    await eventually(made, 25, lambda: str(calls()[-25:]))
    await handle.signal("abort_and_roll_back", {"by": by})
    error = await stack.fails(handle)
    assert error.type == "RolledBack", error.message


async def until_the_bake_has_cleared_up(stack: StackUnderTest) -> None:
    async def cleared() -> bool:
        left = stack.account.snapshot()
        names = (*left.security_groups, *left.instances.values())
        return not [name for name in names if f"app{stack.name[1:]}" in name]

    await eventually(cleared)
