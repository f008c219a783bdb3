"""The world changes under a release: fleets scale, groups vanish, stacks gain a target group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from tests.conftest import StackUnderTest

TIMEOUTS = "first_poll = 0.3\npoll = 0.3\nconfirm = 0.2\nhealthy = 60\nsoak = 4\ndrain = 60\n"


@pytest.mark.shared_images
async def test_a_green_that_scales_out_while_it_is_watched_is_no_worse_for_it(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """Scale-out stays on: that is when the load doubles."""
    stack = make_stack(timeouts=TIMEOUTS)
    stack.repository.release("v1")
    stack.repository.release("v2")
    await stack.release("v1")
    handle = await stack.start("v2")
    status = await stack.until_phase("watching")
    stack.account.autoscaling.set_desired_capacity(
        AutoScalingGroupName=status["green"]["deployment"], DesiredCapacity=4
    )
    await handle.result()

    assert stack.groups()["v2"]["DesiredCapacity"] == 4


@pytest.mark.shared_images
async def test_a_blue_that_comes_back_takes_the_load_that_green_has_by_then(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """I1: the balancer never has less than the stack needs, also on the way back."""
    stack = make_stack(timeouts=TIMEOUTS.replace("soak = 4", "soak = 0.5"))
    stack.repository.release("v1")
    stack.repository.release("v2")
    await stack.release("v1")
    stack.theatre.stacks[stack.name] = stack.theatre.stacks[stack.name].replace(
        "soak = 0.5", "soak = 30"
    )
    stack.theatre.write_stacks()
    handle = await stack.start("v2")
    status = await stack.until_phase("watching")
    stack.account.autoscaling.set_desired_capacity(
        AutoScalingGroupName=status["green"]["deployment"], DesiredCapacity=4
    )
    await stack.until(lambda status: status["green"]["healthy"] == 4)
    await handle.signal("abort_and_roll_back")
    await stack.fails(handle)

    assert stack.groups()["v1"]["DesiredCapacity"] == len(stack.groups()["v1"]["Instances"]) == 4
    assert "v2" not in stack.groups()


@pytest.mark.shared_images
async def test_when_blue_is_gone_green_goes_on_serving_and_the_ending_is_dirty(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """I1, I2: removing green as well would leave nobody; what is left is listed with how to clear it."""
    stack = make_stack(timeouts=TIMEOUTS.replace("soak = 4", "soak = 0.5"))
    stack.repository.release("v1")
    stack.repository.release("v2")
    first = await stack.release("v1")
    stack.theatre.stacks[stack.name] = stack.theatre.stacks[stack.name].replace(
        "soak = 0.5", "soak = 30"
    )
    stack.theatre.write_stacks()
    with stack.traffic() as traffic:
        handle = await stack.start("v2")
        await stack.until(
            lambda status: status["phase"] == "watching" and not status["blue"]["in_balancer"]
        )
        stack.account.autoscaling.delete_auto_scaling_group(
            AutoScalingGroupName=first["deployment"], ForceDelete=True
        )
        await handle.signal("abort_and_roll_back", {"by": "ann"})
        error = await stack.fails(handle)
        tally = traffic.stop()

    assert tally.failures == []
    assert error.type == "Dirty"
    assert "goes on serving" in error.message
    assert any("delete-auto-scaling-group" in item["by_hand"] for item in error.details[0]["left"])
    assert len(stack.groups()["v2"]["Instances"]) == 2
    assert (await stack.status())["phase"] == "dirty"


@pytest.mark.shared_images
async def test_a_stack_that_gains_a_target_group_and_one_that_loses_one(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """Blue leaves what it is in; where the stack no longer names that, the release is refused before anything is made."""
    stack, other = make_stack(timeouts=TIMEOUTS), make_stack()
    for tag in ("v1", "v2", "v3"):
        stack.repository.release(tag)
    await stack.release("v1")
    before = stack.theatre.stacks[stack.name]
    mine, second = stack.infrastructure.target_group, other.infrastructure.target_group
    stack.theatre.stacks[stack.name] = before.replace(f'["{mine}"]', f'["{mine}", "{second}"]')
    stack.theatre.write_stacks()
    await stack.release("v2")
    assert len(stack.groups()["v2"]["TargetGroupARNs"]) == 2
    assert stack.groups()["v1"].get("TargetGroupARNs", []) == []
    stack.theatre.stacks[stack.name] = before
    stack.theatre.write_stacks()
    error = await stack.fails(await stack.start("v3"))

    assert error.type == "Refused"
    assert second in error.message


@pytest.fixture
async def waiting(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
    """v1 serves with two instances, and v2 waits beside it for the approval; both serve."""
    stack = make_stack(
        top="approval = true",
        timeouts=TIMEOUTS.replace("soak = 4", "soak = 0.5"),
        capacity="min = 1\nmax = 8\ndesired = 2",
    )
    for tag in ("v1", "v2"):
        stack.repository.release(tag)
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


@pytest.mark.shared_images
async def test_a_blue_that_is_scaled_in_or_loses_an_instance_changes_nothing_about_green(
    waiting: StackUnderTest,
) -> None:
    """Green is what was verified: never smaller than blue was, whatever happens to blue after."""
    stack, autoscaling = waiting, waiting.account.autoscaling
    lost = stack.groups()["v1"]["Instances"][0]["InstanceId"]
    stack.account.ec2.terminate_instances(InstanceIds=[lost])
    autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=group_of(stack, "v1"), MinSize=1, DesiredCapacity=1
    )
    await (await approved(stack)).result()

    assert stack.groups()["v2"]["DesiredCapacity"] == len(stack.groups()["v2"]["Instances"]) == 2
    assert stack.groups()["v1"]["DesiredCapacity"] == 0


@pytest.mark.shared_images
async def test_a_green_that_somebody_deletes_is_rolled_back(waiting: StackUnderTest) -> None:
    stack = waiting
    stack.account.autoscaling.delete_auto_scaling_group(
        AutoScalingGroupName=group_of(stack, "v2"), ForceDelete=True
    )
    with stack.traffic() as traffic:
        error = await stack.fails(await approved(stack))
        tally = traffic.stop()

    assert error.type == "RolledBack"
    assert "somebody deleted it" in error.message
    assert tally.failures == []
    assert list(stack.groups()) == ["v1"]
    assert stack.groups()["v1"]["MinSize"] == 1
    assert len(stack.account.snapshot(only=stack.name + "-").templates) == 1


@pytest.mark.shared_images
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

    assert error.type == "RolledBack"
    assert "is on no listener" in error.message
    assert list(stack.groups()) == ["v1"]
    assert len(stack.groups()["v1"]["TargetGroupARNs"]) == 1


@pytest.mark.shared_images
async def test_processes_that_somebody_suspends_are_said_by_name(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    stack = make_stack(timeouts=TIMEOUTS)
    stack.repository.release("v1")
    stack.account.fault(
        "boot_silent", "RunInstances", match={"tags": f"{stack.name}-v1"}, times=None
    )
    handle = await stack.start("v1")
    await stack.until_phase("waiting_healthy")
    stack.account.autoscaling.suspend_processes(
        AutoScalingGroupName=group_of(stack, "v1"), ScalingProcesses=["Launch"]
    )
    error = await stack.fails(handle)

    assert error.type == "RolledBack"
    assert "somebody suspended Launch" in error.message
    assert stack.groups() == {}


async def test_an_image_that_somebody_deregisters_is_told_in_aws_own_words(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    stack = make_stack(timeouts=TIMEOUTS.replace("healthy = 60", "healthy = 3"))
    stack.repository.release("v1")
    stack.account.fault("latency", "CreateAutoScalingGroup", seconds=1.5)
    handle = await stack.start("v1")
    await stack.until_phase("launching")
    (image,) = stack.account.snapshot(only=f"ovenbird/app{stack.name[1:]}").images
    stack.account.ec2.deregister_image(ImageId=image)
    error = await stack.fails(handle)

    assert error.type == "RolledBack"
    assert image in error.message
    assert asdict(stack.account.snapshot(only=stack.name + "-"))["groups"] == {}


async def test_a_tag_that_is_moved_under_a_release_does_not_move_the_release(
    stack: StackUnderTest,
) -> None:
    """The commit was resolved once, and is what is baked and served."""
    meant = stack.repository.release("v1")
    stack.account.fault("latency", "CreateSecurityGroup", seconds=1.5)
    handle = await stack.start("v1")
    await stack.until(lambda status: bool(status["bake"]))
    stack.repository.move("v1", VERSION="moved")
    result = await handle.result()
    with stack.traffic() as traffic:
        tally = traffic.stop()

    assert result["commit"] == meant
    assert set(tally.versions) <= {"v1"}


@pytest.mark.shared_images
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
