"""What a fleet has beside its instances: zones, schedules, hooks, protection. Two versions never fight over them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import StackUnderTest, eventually

pytestmark = pytest.mark.shared_images
MakeStack = Callable[..., StackUnderTest]
TIMEOUTS = "first_poll = 0.3\npoll = 0.3\nconfirm = 0.2\nhealthy = 60\napproval = 600\nsoak = 0.5\ndrain = 60\n"


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


async def test_no_instance_is_moved_between_zones_while_both_serve_and_the_schedule_follows_who_serves(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(timeouts=TIMEOUTS, top="approval = true")
    for tag in ("v1", "v2"):
        stack.repository.release(tag)
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
    green = stack.groups()["v2"]["AutoScalingGroupName"]
    assert (schedule(stack, blue), schedule(stack, green)) == (["fair", "morning"], [])
    await handle.signal("abort_and_roll_back")
    await stack.fails(handle)
    assert stack.account.snapshot(only=stack.name).groups == before

    result = await stack.release("v2")
    green = stack.groups()["v2"]["AutoScalingGroupName"]
    assert suspended(stack) == {"v1": [], "v2": []}
    assert (schedule(stack, blue), schedule(stack, green)) == ([], ["fair", "morning"])
    assert any("the scheduled actions" in note for note in result["notes"])
    handle = await stack.start_rollback()
    await handle.result()
    assert suspended(stack) == {"v1": [], "v2": []}
    assert (schedule(stack, blue), schedule(stack, green)) == (["fair", "morning"], [])


async def test_blue_grows_to_nine_during_the_approval_and_green_has_nine_before_the_shift(
    make_stack: MakeStack,
) -> None:
    """By its policy, whose alarm its requests set off. And one that shrinks leaves green as large as it was verified."""
    stack = make_stack(
        timeouts=TIMEOUTS, top="approval = true", capacity="min = 2\nmax = 12\ndesired = 4"
    )
    for tag in ("v1", "v2"):
        stack.repository.release(tag)
    await stack.release("v1")
    blue, arn = stack.groups()["v1"]["AutoScalingGroupName"], stack.infrastructure.target_group_arn
    with stack.traffic() as users:
        handle = await stack.start("v2")
        await stack.until_phase("waiting_approval")
        assert stack.groups()["v2"]["DesiredCapacity"] == 4
        policy = stack.account.autoscaling.put_scaling_policy(
            AutoScalingGroupName=blue,
            PolicyName=f"{blue}-rush",
            PolicyType="SimpleScaling",
            AdjustmentType="ChangeInCapacity",
            ScalingAdjustment=5,
        )
        stack.account.cloudwatch.put_metric_alarm(
            AlarmName=f"{blue}-rush",
            AlarmActions=[policy["PolicyARN"]],
            Namespace="AWS/ApplicationELB",
            MetricName="RequestCount",
            Dimensions=[{"Name": "TargetGroup", "Value": arn.rsplit(":", 1)[-1]}],
            Statistic="Sum",
            Period=1,
            EvaluationPeriods=3,
            DatapointsToAlarm=1,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=1,
        )

        async def grown() -> bool:
            mine = {instance["InstanceId"] for instance in stack.groups()["v1"]["Instances"]}
            found = stack.account.elbv2.describe_target_health(TargetGroupArn=arn)[
                "TargetHealthDescriptions"
            ]
            return bool(
                sum(
                    t["Target"]["Id"] in mine and t["TargetHealth"]["State"] == "healthy"
                    for t in found
                )
                == 9
            )

        await eventually(grown, 40)
        stack.account.clear_watermark(arn)
        await handle.signal("approve_cutover", {"by": "ann"})
        await handle.result()
        tally = users.stop()

    assert len(stack.groups()["v2"]["Instances"]) == 9
    assert stack.account.least_healthy(arn) >= 9
    assert tally.failed == 0, tally.failures


async def test_first_instances_wait_for_a_lifecycle_hook_too(make_stack: MakeStack) -> None:
    stack = make_stack(
        timeouts=TIMEOUTS,
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
        timeouts=TIMEOUTS,
        top='lifecycle_hooks = [{ name = "warm-up", transition = "launching", timeout = 30 }]',
    )
    stack.repository.release("v1")
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "RolledBack"
    assert "did not stay up" in error.message


async def test_protected_instances_of_blue_are_ended_all_the_same(make_stack: MakeStack) -> None:
    stack = make_stack(timeouts=TIMEOUTS)
    for tag in ("v1", "v2"):
        stack.repository.release(tag)
    await stack.release("v1")
    group: dict[str, Any] = stack.groups()["v1"]
    stack.account.autoscaling.set_instance_protection(
        AutoScalingGroupName=group["AutoScalingGroupName"],
        InstanceIds=[i["InstanceId"] for i in group["Instances"]],
        ProtectedFromScaleIn=True,
    )
    await asyncio.wait_for(stack.release("v2"), 60)

    assert stack.groups()["v1"]["Instances"] == []


def kinds(stack: StackUnderTest, tag: str) -> list[str]:
    """What the group's instances are: type, weight, on demand or Spot."""
    members = stack.groups()[tag]["Instances"]
    found = (
        stack.account.ec2.describe_instances(InstanceIds=[m["InstanceId"] for m in members])[
            "Reservations"
        ]
        if members
        else []
    )
    spot = {
        i["InstanceId"]
        for r in found
        for i in r["Instances"]
        if i.get("InstanceLifecycle") == "spot"
    }
    return sorted(
        f"{m['InstanceType']} {m['WeightedCapacity']} {'spot' if m['InstanceId'] in spot else 'on demand'}"
        for m in members
    )


async def test_mixed_instances_count_by_weight_and_are_on_demand_until_they_serve_alone(
    make_stack: MakeStack,
) -> None:
    mixed = (
        'types = { "t3.small" = 2, "t3.micro" = 1 }\non_demand_base = 2\non_demand_percentage = 0'
    )
    stack = make_stack(
        timeouts=TIMEOUTS,
        capacity="min = 4\nmax = 12",
        top="approval = true",
        **{"instance.mixed": mixed},
    )
    for tag in ("v1", "v2"):
        stack.repository.release(tag)
    await stack.release("v1")
    mine, steady = ["t3.small 2 on demand", "t3.small 2 spot"], ["t3.small 2 on demand"] * 2

    async def settled(tag: str) -> bool:
        return kinds(stack, tag) == mine

    with stack.traffic() as users:
        await eventually(lambda: settled("v1"), 40)
        handle = await stack.start("v2")
        status = await stack.until_phase("waiting_approval")
        assert (status["green"]["healthy"], status["green"]["desired"], status["weights"]) == (
            4,
            4,
            {"blue": 50, "green": 50},
        )
        assert kinds(stack, "v2") == steady
        await handle.signal("approve_cutover", {"by": "ann"})
        await handle.result()
        await eventually(lambda: settled("v2"), 40)
        handle = await stack.start_rollback()
        await handle.result()
        await eventually(lambda: settled("v1"), 40)
        tally = users.stop()

    assert kinds(stack, "v2") == []
    assert tally.failed == 0, tally.failures


async def test_only_what_serves_has_a_warm_pool(make_stack: MakeStack) -> None:
    stack = make_stack(
        timeouts=TIMEOUTS,
        capacity='min = 1\nmax = 4\nwarm_pool = { min = 1, max_prepared = 2, state = "Stopped" }',
    )
    for tag in ("v1", "v2"):
        stack.repository.release(tag)
    await stack.release("v1")
    assert stack.groups()["v1"]["WarmPoolConfiguration"]["MinSize"] == 1
    await stack.release("v2")

    pools = {
        tag: group.get("WarmPoolConfiguration", {}).get("MaxGroupPreparedCapacity")
        for tag, group in stack.groups().items()
    }
    assert pools == {"v1": None, "v2": 2}
