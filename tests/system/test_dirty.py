"""The third honest ending: AWS refuses the way back for longer than timeouts.way_back (a day), and the release says what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from subprocess import CompletedProcess

import pytest

from tests.conftest import StackUnderTest

Cli = Callable[..., CompletedProcess[str]]
TIMEOUTS = "first_poll = 0.3\npoll = 0.5\nconfirm = 0.2\nhealthy = 2\nsoak = 0.5\ndrain = 60\nway_back = 3\n"


async def test_what_aws_refuses_to_delete_is_listed_with_its_command_and_swept_later(
    make_stack: Callable[..., StackUnderTest], run_cli: Cli
) -> None:
    stack = make_stack(
        timeouts=TIMEOUTS, capacity="min = 1\nmax = 8\ndesired = 2", sweeping="age = 0"
    )
    stack.repository.release("v1")
    stack.repository.release("v2", SICK="yes")
    await stack.release("v1")
    before = asdict(stack.account.snapshot(only=stack.name + "-"))
    stack.account.fault("error", "DeleteLaunchTemplate", times=None)
    with stack.traffic() as traffic:
        ended = await asyncio.to_thread(run_cli, "release", stack.name, "v2")
        tally = traffic.stop()
    left = stack.account.snapshot(only=stack.name + "-")
    green = next(name for name in left.templates if "-v2-" in name)

    assert ended.returncode == 11, ended.stdout + ended.stderr
    assert f"{stack.name} serves v1 as before" in ended.stderr
    assert f"aws ec2 delete-launch-template --launch-template-name {green}" in ended.stderr
    assert tally.failures == []
    assert list(left.groups) == list(before["groups"])
    ledger = await asyncio.to_thread(run_cli, "leftovers", stack.name)
    mine = [line for line in ledger.stdout.splitlines() if f"launch template\t{green}" in line]
    assert len(mine) == 1
    assert mine[0].endswith("there")
    stack.account.clear_faults()
    swept = await asyncio.to_thread(run_cli, "sweep", stack.name, "--apply")
    assert swept.returncode == 0, swept.stdout + swept.stderr
    assert asdict(stack.account.snapshot(only=stack.name + "-")) == before


@pytest.mark.shared_images
async def test_where_blue_cannot_come_back_green_goes_on_serving(
    make_stack: Callable[..., StackUnderTest], run_cli: Cli
) -> None:
    """To remove green then would take away all that serves."""
    stack = make_stack(
        timeouts=TIMEOUTS, capacity="min = 1\nmax = 8\ndesired = 2", sweeping="age = 0"
    )
    stack.repository.release("v1")
    stack.repository.release("v2")
    await stack.release("v1")
    stack.theatre.stacks[stack.name] = stack.theatre.stacks[stack.name].replace(
        "soak = 0.5", "soak = 60"
    )
    stack.theatre.write_stacks()
    before = asdict(stack.account.snapshot(only=stack.name + "-"))
    with stack.traffic() as traffic:
        handle = await stack.start("v2")
        await stack.until(
            lambda status: status["phase"] == "watching" and not status["blue"]["in_balancer"]
        )
        stack.account.fault("error", "AttachLoadBalancerTargetGroups", times=None)
        await handle.signal("abort_and_roll_back", {"by": "ann"})
        error = await stack.fails(handle)
        groups = stack.groups()
        assert error.type == "Dirty"
        assert f"{groups['v2']['AutoScalingGroupName']} (v2) goes on serving" in error.message
        assert len(groups["v2"]["Instances"]) == 2
        assert "attach-load-balancer-target-groups" in str(error.details)
        stack.account.clear_faults()
        swept = await asyncio.to_thread(run_cli, "sweep", stack.name, "--apply")
        tally = traffic.stop()

    assert swept.returncode == 0, swept.stdout + swept.stderr
    assert tally.failures == []
    assert asdict(stack.account.snapshot(only=stack.name + "-")) == before
