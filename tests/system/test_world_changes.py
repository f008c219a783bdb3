"""The world changes during a release: fleets scale, groups vanish, target groups are added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.stacks import StackUnderTest, new_tags

pytestmark = pytest.mark.shared_images


async def test_a_green_that_scales_out_while_it_is_watched_is_no_worse_for_it(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """Scale-out stays on, for the load may double just then."""
    stack = make_stack(timeouts={"soak": 2})
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    handle = await stack.start("v2")
    status = await stack.until_phase("watching")
    stack.account.autoscaling.set_desired_capacity(
        AutoScalingGroupName=status["green"]["deployment"], DesiredCapacity=4
    )
    await handle.result()

    assert stack.groups()["v2"]["DesiredCapacity"] == 4


async def test_a_stack_that_gains_a_target_group_and_one_that_loses_one(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """A target group of blue that the stack does not name any more is a mistake: refused."""
    stack, other = make_stack(), make_stack()
    new_tags(stack, "v1", "v2", "v3")
    await stack.release("v1")
    mine, second = stack.infrastructure.target_group, other.infrastructure.target_group
    stack.configure(f'["{mine}"]', f'["{mine}", "{second}"]')
    await stack.release("v2")
    assert len(stack.groups()["v2"]["TargetGroupARNs"]) == 2
    assert stack.groups()["v1"].get("TargetGroupARNs", []) == []
    stack.configure(f'["{mine}", "{second}"]', f'["{mine}"]')
    error = await stack.fails(await stack.start("v3"))

    assert error.type == "Refused"
    assert second in error.message


@pytest.fixture
async def waiting(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
    """v1 serves with two instances, and v2 waits beside it for the approval; both serve."""
    stack = make_stack(
        top="approval = true",
        capacity="min = 1\nmax = 8\ndesired = 2",
    )
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    await stack.start("v2")
    await stack.until_phase("waiting_approval")
    return stack


def group_of(stack: StackUnderTest, tag: str) -> str:
    return str(stack.groups()[tag]["AutoScalingGroupName"])


async def approved(stack: StackUnderTest) -> Any:
    handle: Any = stack.theatre.client.get_workflow_handle(f"release-{stack.name}")
    await handle.signal("approve_cutover", {"by": "ann"})
    return handle


async def test_a_blue_that_is_scaled_in_or_loses_an_instance_changes_nothing_about_green(
    waiting: StackUnderTest,
) -> None:
    """Green stays as large as it was when it was verified."""
    stack, autoscaling = waiting, waiting.account.autoscaling
    lost = stack.groups()["v1"]["Instances"][0]["InstanceId"]
    stack.account.ec2.terminate_instances(InstanceIds=[lost])
    autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=group_of(stack, "v1"), MinSize=1, DesiredCapacity=1
    )
    await (await approved(stack)).result()

    assert stack.groups()["v2"]["DesiredCapacity"] == len(stack.groups()["v2"]["Instances"]) == 2
    assert stack.groups()["v1"]["DesiredCapacity"] == 0


async def test_a_green_that_somebody_deletes_is_rolled_back(waiting: StackUnderTest) -> None:
    stack = waiting
    stack.account.autoscaling.delete_auto_scaling_group(
        AutoScalingGroupName=group_of(stack, "v2"), ForceDelete=True
    )
    with stack.visitors() as visitors:
        error = await stack.fails(await approved(stack))
        tally = visitors.stop()

    assert error.type == "RolledBack"
    assert "somebody deleted it" in error.message
    assert tally.failures == []
    assert list(stack.groups()) == ["v1"]
    assert stack.groups()["v1"]["MinSize"] == 1
    assert len(stack.snapshot().templates) == 1


async def test_a_listener_that_somebody_takes_away_halts_the_release_before_the_cutover(
    waiting: StackUnderTest,
) -> None:
    stack, elb = waiting, waiting.account.elbv2
    balancer = elb.describe_load_balancers(Names=[stack.name])["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    for listener in elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
        elb.delete_listener(ListenerArn=listener["ListenerArn"])
    error = await stack.fails(await approved(stack))

    assert error.type == "Dirty"
    assert "is on no listener" in error.message
    assert "v1 does not answer as before: no listener sends requests" in error.message
    assert list(stack.groups()) == ["v1"]
    assert len(stack.groups()["v1"]["TargetGroupARNs"]) == 1


async def test_a_zone_without_capacity_is_made_up_for_by_the_other(stack: StackUnderTest) -> None:
    stack.repository.release("v1")
    empty, full = stack.infrastructure.subnets
    stack.account.fault(
        "insufficient_capacity", match={"subnet": empty, "tags": f"{stack.name}-v1"}, times=None
    )
    await stack.release("v1")
    instances = [i["InstanceId"] for i in stack.groups()["v1"]["Instances"]]
    described = stack.account.ec2.describe_instances(InstanceIds=instances)["Reservations"]

    assert {i["SubnetId"] for r in described for i in r["Instances"]} == {full}
