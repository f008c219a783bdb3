"""The world changes under a release: fleets scale, groups vanish, stacks gain a target group."""

from __future__ import annotations

from collections.abc import Callable

from tests.conftest import StackUnderTest

PATIENCE = "first_look = 0.3\npoll = 0.3\nconfirm = 0.2\nhealthy = 60\nsoak = 4\ndrain = 60\n"


async def test_a_green_that_scales_out_while_it_is_watched_is_no_worse_for_it(make_stack: Callable[..., StackUnderTest]) -> None:
    """Scale-out stays on: that is when the load doubles."""
    stack = make_stack(patience=PATIENCE)
    stack.repository.release("v1")
    stack.repository.release("v2")
    await stack.release("v1")
    handle = await stack.start("v2")
    status = await stack.until_phase("watching")
    stack.account.autoscaling.set_desired_capacity(AutoScalingGroupName=status["green"]["deployment"], DesiredCapacity=4)
    await handle.result()

    assert stack.groups()["v2"]["DesiredCapacity"] == 4


async def test_a_blue_that_comes_back_takes_the_load_that_green_has_by_then(make_stack: Callable[..., StackUnderTest]) -> None:
    """I1: the balancer never has less than the stack needs, also on the way back."""
    stack = make_stack(patience=PATIENCE.replace("soak = 4", "soak = 0.5"))
    stack.repository.release("v1")
    stack.repository.release("v2")
    await stack.release("v1")
    stack.theatre.stacks[stack.name] = stack.theatre.stacks[stack.name].replace("soak = 0.5", "soak = 30")
    stack.theatre.write_stacks()
    handle = await stack.start("v2")
    status = await stack.until_phase("watching")
    stack.account.autoscaling.set_desired_capacity(AutoScalingGroupName=status["green"]["deployment"], DesiredCapacity=4)
    await stack.until(lambda status: status["green"]["healthy"] == 4)
    await handle.signal("abort_and_roll_back")
    await stack.fails(handle)

    assert stack.groups()["v1"]["DesiredCapacity"] == len(stack.groups()["v1"]["Instances"]) == 4
    assert "v2" not in stack.groups()


async def test_when_blue_is_gone_green_goes_on_serving_and_the_ending_is_dirty(make_stack: Callable[..., StackUnderTest]) -> None:
    """I1, I2: removing green as well would leave nobody; what is left is listed with how to clear it."""
    stack = make_stack(patience=PATIENCE.replace("soak = 4", "soak = 0.5"))
    stack.repository.release("v1")
    stack.repository.release("v2")
    first = await stack.release("v1")
    stack.theatre.stacks[stack.name] = stack.theatre.stacks[stack.name].replace("soak = 0.5", "soak = 30")
    stack.theatre.write_stacks()
    with stack.traffic() as traffic:
        handle = await stack.start("v2")
        await stack.until(lambda status: status["phase"] == "watching" and not status["blue"]["in_balancer"])
        stack.account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=first["deployment"], ForceDelete=True)
        await handle.signal("abort_and_roll_back", {"by": "ann"})
        error = await stack.fails(handle)
        tally = traffic.stop()

    assert tally.failures == []
    assert error.type == "Dirty"
    assert "goes on serving" in error.message
    assert any("delete-auto-scaling-group" in item["by_hand"] for item in error.details[0]["left"])
    assert len(stack.groups()["v2"]["Instances"]) == 2
    assert (await stack.status())["phase"] == "dirty"


async def test_a_stack_that_gains_a_target_group_and_one_that_loses_one(make_stack: Callable[..., StackUnderTest]) -> None:
    """Blue leaves what it is in; where the stack no longer names that, the release is refused before anything is made."""
    stack, other = make_stack(patience=PATIENCE), make_stack()
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
