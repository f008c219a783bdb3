"""Zones, schedules, hooks, protection, types: blue and green never disturb each other by them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.stacks import StackUnderTest, eventually, new_tags

pytestmark = pytest.mark.shared_images
MakeStack = Callable[..., StackUnderTest]


def schedule(stack: StackUnderTest, group: str) -> list[str]:
    found = stack.account.autoscaling.describe_scheduled_actions(AutoScalingGroupName=group)[
        "ScheduledUpdateGroupActions"
    ]
    return sorted(action["ScheduledActionName"] for action in found)


def suspended(stack: StackUnderTest) -> dict[str, list[str]]:
    return {
        tag: sorted(p["ProcessName"] for p in group["SuspendedProcesses"])
        for tag, group in stack.groups().items()
    }


def minimums(stack: StackUnderTest) -> dict[str, int]:
    return {tag: group["MinSize"] for tag, group in stack.groups().items()}


async def test_while_both_serve_no_zone_is_rebalanced_and_the_schedule_follows_who_serves(
    make_stack: MakeStack,
) -> None:
    """Blue's minimum is pinned meanwhile, and recorded when blue is parked."""
    stack = make_stack(top="approval = true", capacity="min = 1\nmax = 8\ndesired = 2")
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    blue = stack.groups()["v1"]["AutoScalingGroupName"]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for name, more in (
        ("morning", {"Recurrence": "0 6 * * *", "MinSize": 3}),
        ("fair", {"StartTime": tomorrow, "DesiredCapacity": 6}),
    ):
        stack.account.autoscaling.put_scheduled_update_group_action(
            AutoScalingGroupName=blue, ScheduledActionName=name, **more
        )
    before = stack.account.snapshot(only=stack.name).groups
    handle = await stack.start("v2")
    await stack.until_phase("waiting_approval")
    assert suspended(stack) == {"v1": ["AZRebalance"], "v2": ["AZRebalance"]}
    assert minimums(stack)["v1"] == 2
    green = stack.groups()["v2"]["AutoScalingGroupName"]
    assert (schedule(stack, blue), schedule(stack, green)) == (["fair", "morning"], [])
    await handle.signal("abort_and_roll_back")
    await stack.fails(handle)
    assert stack.account.snapshot(only=stack.name).groups == before

    result = await stack.release("v2")
    green = stack.groups()["v2"]["AutoScalingGroupName"]
    assert suspended(stack) == {"v1": ["AZRebalance"], "v2": []}
    assert (schedule(stack, blue), schedule(stack, green)) == ([], ["fair", "morning"])
    assert any("the scheduled actions" in note for note in result["notes"])
    assert minimums(stack) == {"v1": 0, "v2": 1}
    tags = {tag["Key"]: tag["Value"] for tag in stack.groups()["v1"]["Tags"]}
    assert (tags["ovenbird:restore-min"], tags["ovenbird:restore-desired"]) == ("1", "2")
    handle = await stack.start_rollback()
    await handle.result()
    assert suspended(stack) == {"v1": [], "v2": ["AZRebalance"]}
    assert (schedule(stack, blue), schedule(stack, green)) == (["fair", "morning"], [])


async def test_first_instances_wait_for_a_lifecycle_hook_too(make_stack: MakeStack) -> None:
    stack = make_stack(
        top='lifecycle_hooks = [{ name = "warm-up", transition = "launching", timeout = 1200 }]',
    )
    stack.repository.release("v1")
    handle = await stack.start("v1")
    await stack.until(lambda status: "Pending:Wait" in str(status["bullets"]))
    group = stack.groups()["v1"]

    async def completed() -> bool:
        for instance in stack.groups()["v1"]["Instances"]:
            if instance["LifecycleState"] == "Pending:Wait":
                stack.account.autoscaling.complete_lifecycle_action(
                    LifecycleHookName="warm-up",
                    AutoScalingGroupName=group["AutoScalingGroupName"],
                    InstanceId=instance["InstanceId"],
                    LifecycleActionResult="CONTINUE",
                )
        return all(i["LifecycleState"] == "InService" for i in stack.groups()["v1"]["Instances"])

    await eventually(completed, 40)
    assert (await handle.result())["tag"] == "v1"


async def test_a_lifecycle_hook_that_is_abandoned_ends_the_release(make_stack: MakeStack) -> None:
    stack = make_stack(
        top='lifecycle_hooks = [{ name = "warm-up", transition = "launching", timeout = 30 }]',
    )
    stack.repository.release("v1")
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "RolledBack"
    assert "did not stay up" in error.message


async def test_protected_instances_of_blue_are_ended_all_the_same(make_stack: MakeStack) -> None:
    """One is on Standby besides, and Terminate is suspended, as it is again afterwards."""
    stack = make_stack()
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    group: dict[str, Any] = stack.groups()["v1"]
    name = {"AutoScalingGroupName": group["AutoScalingGroupName"]}
    ids = [i["InstanceId"] for i in group["Instances"]]
    autoscaling = stack.account.autoscaling
    autoscaling.set_instance_protection(InstanceIds=ids, ProtectedFromScaleIn=True, **name)
    autoscaling.suspend_processes(ScalingProcesses=["Terminate"], **name)
    autoscaling.enter_standby(InstanceIds=ids[:1], ShouldDecrementDesiredCapacity=False, **name)
    await asyncio.wait_for(stack.release("v2"), 60)

    assert stack.groups()["v1"]["Instances"] == []
    assert suspended(stack)["v1"] == ["AZRebalance", "Terminate"]
