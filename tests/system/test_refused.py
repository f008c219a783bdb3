"""A refused release has changed nothing, and it says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from demo.account import aws_calls
from tests.stacks import StackUnderTest, eventually, new_tags
from tests.system.test_release import MUTATING

pytestmark = pytest.mark.shared_images


def mutating(stack: StackUnderTest) -> list[str]:
    return [action for action in aws_calls(stack.account.calls()) if action.startswith(MUTATING)]


async def test_a_refused_release_has_changed_nothing(stack: StackUnderTest) -> None:
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    for request, words in (
        ({"tag": "v9"}, "has no tag 'v9'"),
        ({"tag": "v1"}, "serves"),
        ({"tag": "v2", "colour": "red"}, "colour"),
        ({"tag": ""}, "tag"),
    ):
        stack.account.forget_calls()
        error = await stack.fails(await stack.start(**request))

        assert error.type == "Refused"
        assert words in error.message
        assert mutating(stack) == []
        assert (await stack.status())["phase"] == "refused"


@pytest.mark.parametrize("values", [[], ["production"], [{"stack": "x", "tag": "y"}, 5], [None]])
async def test_input_that_cannot_be_understood_ends_and_does_not_hold_the_lock(
    stack: StackUnderTest, values: list[Any]
) -> None:
    handle = await stack.theatre.client.start_workflow(
        "ReleaseWorkflow", args=values, id=f"release-{stack.name}", task_queue="ovenbird"
    )
    assert (await stack.fails(handle)).type == "Refused"


async def test_a_workflow_id_that_is_not_the_stacks_lock_is_refused(stack: StackUnderTest) -> None:
    stack.repository.release("v1")
    handle = await stack.theatre.client.start_workflow(
        "ReleaseWorkflow",
        {"stack": stack.name, "tag": "v1"},
        id=f"my-{stack.name}",
        task_queue="ovenbird",
    )
    error = await stack.fails(handle)

    assert error.type == "Refused"
    assert f"release-{stack.name}" in error.message


async def test_target_groups_that_do_not_exist_or_serve_nobody_are_refused_by_name(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    stack = make_stack()
    stack.repository.release("v1")
    idle = stack.account.elbv2.create_target_group(
        Name=f"{stack.name}-idle", Protocol="HTTP", Port=80, VpcId=stack.infrastructure.vpc
    )
    text = stack.theatre.stacks[stack.name]
    for name, words in ((f"{stack.name}-none", "exist"), (f"{stack.name}-idle", "no listener")):
        stack.theatre.stacks[stack.name] = text.replace(
            f'["{stack.infrastructure.target_group}"]', f'["{name}"]'
        )
        stack.theatre.write_stacks()
        error = await stack.fails(await stack.start("v1"))

        assert error.type == "Refused"
        assert name in error.message
        assert words in error.message
    stack.account.elbv2.delete_target_group(
        TargetGroupArn=idle["TargetGroups"][0]["TargetGroupArn"]
    )


async def test_a_second_release_of_a_locked_stack_is_refused_by_temporal_itself(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """I5."""
    stack = make_stack(top="approval = true")
    stack.repository.release("v1")
    handle = await stack.start("v1")
    with pytest.raises(Exception, match="already started"):
        await stack.start("v1")
    await handle.signal("abort_and_roll_back")
    await stack.fails(handle)


async def test_a_hand_made_group_that_claims_the_stack_is_refused(stack: StackUnderTest) -> None:
    """I4: two groups say that they serve. Nothing tells which of them green replaces."""
    new_tags(stack, "v1", "v2")
    result = await stack.release("v1")
    account = stack.account
    tags = [
        {
            "ResourceId": f"{stack.name}-hand",
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": False,
        }
        for key, value in (("ovenbird:stack", stack.name), ("ovenbird:state", "serving"))
    ]
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=f"{stack.name}-hand",
        LaunchTemplate={"LaunchTemplateName": result["deployment"], "Version": "1"},
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=stack.infrastructure.subnets[0],
        Tags=tags,
    )
    error = await stack.fails(await stack.start("v2"))

    assert error.type == "Refused"
    assert f"{stack.name}-hand" in error.message
    account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=f"{stack.name}-hand")

    async def gone() -> bool:
        return not account.groups(f"{stack.name}-hand")

    await eventually(gone)
