"""A release that fails leaves blue serving exactly as before, and nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from demo.account import aws_calls
from tests.conftest import StackUnderTest, eventually
from tests.system.test_release import MUTATING


def mutating(stack: StackUnderTest) -> list[str]:
    return [action for action in aws_calls(stack.account.calls()) if action.startswith(MUTATING)]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"tag": "v9"}, "has no tag 'v9'"),
        ({"tag": "v1"}, "serves"),
        ({"tag": "v2", "colour": "red"}, "colour"),
        ({"tag": ""}, "tag"),
    ],
)
async def test_a_refused_release_has_changed_nothing(
    stack: StackUnderTest, request_: dict[str, Any], words: str
) -> None:
    stack.repository.release("v1")
    stack.repository.release("v2")
    await stack.release("v1")
    stack.account.forget_calls()
    error = await stack.fails(await stack.start(**request_))

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


async def test_an_unhealthy_version_is_rolled_back(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """I1, I2, I3: blue's group is the same to the letter, no user noticed, nothing of green is left but its image."""
    stack = make_stack(
        capacity="min = 1\nmax = 8\ndesired = 2",
        timeouts="first_poll = 0.3\npoll = 0.5\nconfirm = 0.2\nhealthy = 3\nsoak = 0.5\n",
    )
    stack.repository.release("v1")
    stack.repository.release("v2", SICK="yes")
    await stack.release("v1")
    before = asdict(stack.account.snapshot(only=stack.name + "-"))
    with stack.traffic() as traffic:
        handle = await stack.start("v2")
        error = await stack.fails(handle)
        tally = traffic.stop()
    after = asdict(stack.account.snapshot(only=stack.name + "-"))

    assert error.type == "RolledBack"
    assert "503" in error.message
    assert f"{stack.name} serves v1 as before" in error.message
    assert tally.failures == []
    assert set(tally.versions) == {"v1"}
    assert after == before
    status = await stack.status()
    assert status["phase"] == "rolled_back"
    assert status["bullets"][-1]["mark"] == "done"


@pytest.mark.shared_images
async def test_a_version_that_falls_ill_while_it_is_watched_is_rolled_back(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """Blue has left the balancer by then: it is attached again and healthy before green goes, and no request fails."""
    stack = make_stack(
        timeouts="first_poll = 0.3\npoll = 0.5\nconfirm = 0.2\nhealthy = 30\nsoak = 0.5\ndrain = 60\n"
    )
    stack.repository.release("v1")
    stack.repository.release("v2")
    await stack.release("v1")
    stack.theatre.stacks[stack.name] = stack.theatre.stacks[stack.name].replace(
        "soak = 0.5", "soak = 30"
    )
    stack.theatre.write_stacks()
    before = asdict(stack.account.snapshot(only=stack.name + "-"))
    handle = await stack.start("v2")
    await stack.until(
        lambda status: status["phase"] == "watching" and not status["blue"]["in_balancer"]
    )
    for machine in stack.account.machines():
        if machine["id"] in [i["InstanceId"] for i in stack.groups()["v2"]["Instances"]]:
            stack.account._control("POST", f"instances/{machine['id']}/kill")
    error = await stack.fails(handle)

    assert error.type == "RolledBack"
    assert asdict(stack.account.snapshot(only=stack.name + "-")) == before


@pytest.mark.shared_images
async def test_no_capacity_is_told_in_aws_own_words_and_rolled_back(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    stack = make_stack(
        timeouts="first_poll = 0.3\npoll = 0.5\nconfirm = 0.2\nhealthy = 2\nsoak = 0.5\n"
    )
    stack.repository.release("v1")
    stack.account.fault("insufficient_capacity", match={"tags": f"{stack.name}-v1"}, times=None)
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "RolledBack"
    assert "We currently do not have sufficient t3.micro capacity" in error.message
    assert stack.account.snapshot(only=stack.name + "-").groups == {}


async def test_a_failing_script_fails_the_bake_with_its_last_lines_and_leaves_nothing(
    stack: StackUnderTest,
) -> None:
    stack.repository.release(
        "v1",
        ovenbird__env='START="python3 app.py"\nBUILD="echo compiling; echo no rule to make target >&2; exit 3"\n',
    )
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "RolledBack"
    assert "exit code 3" in error.message
    assert "no rule to make target" in error.message
    assert "s3://" in error.message
    left = stack.account.snapshot()
    assert [name for name in left.security_groups if f"app{stack.name[1:]}" in name] == []
    assert [name for name in left.images.values() if f"app{stack.name[1:]}" in name] == []
    assert [label for label in left.instances.values() if f"app{stack.name[1:]}" in label] == []


async def test_an_image_that_fails_is_removed_with_its_snapshot(stack: StackUnderTest) -> None:
    stack.repository.release("v1")
    application = f"app{stack.name[1:]}"
    stack.account.fault("image_failed", match={"name": application})
    error = await stack.fails(await stack.start("v1"))

    assert "Snapshot creation failed" in error.message
    assert stack.account.snapshot(only=f"ovenbird/{application}").images == {}
    assert (await stack.release("v1"))["tag"] == "v1"


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


async def test_a_lost_reply_to_any_change_changes_nothing_about_how_it_ends(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """I6: each call took effect, its caller never learned; nothing is made twice and the release completes."""
    stack = make_stack(
        top='scaling = [{ metric = "cpu", target = 50 }]', capacity="min = 1\nmax = 8\ndesired = 2"
    )
    stack.repository.release("v1")
    stack.repository.release("v2")
    await stack.release("v1")
    stack.account.forget_calls()
    for action in LOST:
        stack.account.fault("lost_reply", action)
    stack.account.fault("throttle", "DescribeTargetHealth")
    stack.account.fault("error", "DescribeAutoScalingGroups")
    await stack.release("v2")
    calls = stack.account.calls()

    assert sorted({call["action"] for call in calls if call["fault"] == "lost_reply"}) == sorted(
        LOST
    )
    made = [call["action"] for call in calls if call["outcome"].startswith("ok")]
    images = stack.account.snapshot(only=f"ovenbird/app{stack.name[1:]}").images
    assert len(images) == 2
    assert made.count("SendCommand") == 2
    assert (
        made.count("CreateAutoScalingGroup")
        == made.count("CreateImage")
        == made.count("CreateSecurityGroup")
        == 1
    )
    left = stack.account.snapshot(only=stack.name + "-")
    assert len(left.groups) == len(left.templates) == 2
    assert len(left.instances) == 2


@pytest.mark.shared_images
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


@pytest.mark.shared_images
async def test_a_hand_made_group_that_claims_the_stack_is_refused(stack: StackUnderTest) -> None:
    """I4: two groups that say they serve: whose load would green take over?"""
    stack.repository.release("v1")
    stack.repository.release("v2")
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


async def test_what_aws_does_not_show_yet_is_neither_made_twice_nor_left_behind(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """Eventual consistency: for two seconds no list shows what was made, with and without a lost reply, on the way out and back."""
    stack = make_stack(
        top="approval = true",
        timeouts="first_poll = 0.3\npoll = 0.5\nconfirm = 0.2\nhealthy = 60\nsoak = 0.5\nconsistency_grace = 4\n",
    )
    stack.repository.release("v1")
    before = asdict(stack.account.snapshot(only=stack.name + "-"))
    for action in (
        "DescribeInstances",
        "DescribeImages",
        "DescribeSecurityGroups",
        "DescribeAutoScalingGroups",
        "DeleteLaunchTemplate",
    ):
        stack.account.fault("stale", action, times=None, seconds=2)
    for phase, lost in (
        ("baking", "RunInstances"),
        ("launching", "CreateAutoScalingGroup"),
        ("launching", "CreateLaunchTemplate"),
    ):
        stack.account.forget_calls()
        stack.account.fault("lost_reply", lost)
        handle = await stack.start("v1")

        async def made(action: str = lost) -> bool:
            return any(
                c["action"] == action and c["outcome"] == "ok (reply lost)"
                for c in stack.account.calls()
            )

        await eventually(
            made,
            25,
            lambda: str([(c["action"], c["outcome"]) for c in stack.account.calls()][-25:]),
        )
        await handle.signal("abort_and_roll_back", {"by": phase})
        error = await stack.fails(handle)
        assert error.type == "RolledBack", error.message
        assert asdict(stack.account.snapshot(only=stack.name + "-")) == before

        async def cleared() -> bool:
            left = stack.account.snapshot()
            return not [
                name
                for name in (*left.security_groups, *left.instances.values())
                if f"app{stack.name[1:]}" in name
            ]

        await eventually(cleared)
    assert (await stack.release("v1"))["tag"] == "v1"
    assert len(stack.account.snapshot(only=stack.name + "-").groups) == 1
