"""A terminated workflow runs no code. The sweep clears what it leaves, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from tests.shared_images import APPLICATION
from tests.stacks import StackUnderTest, eventually, new_tags, unbaked

Cli = Callable[..., CompletedProcess[str]]
pytestmark = pytest.mark.shared_images


@pytest.fixture
async def serving(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
    stack = make_stack(
        top="approval = true", capacity="min = 1\nmax = 8\ndesired = 2", sweeping="age = 0"
    )
    new_tags(stack, "v1", "v2", unbaked(stack))
    await stack.release("v1")
    return stack


async def test_what_a_terminated_release_leaves_is_cleared_under_traffic(
    serving: StackUnderTest, run_cli: Cli
) -> None:
    for phase in ("baking", "waiting_approval"):
        await is_cleared_under_traffic(serving, phase, run_cli)


async def is_cleared_under_traffic(stack: StackUnderTest, phase: str, run_cli: Cli) -> None:
    before = stack.snapshot()
    with stack.visitors() as visitors:
        await terminate_in(stack, phase, run_cli)
        dry = run_cli("sweep", stack.name)
        left = stack.snapshot()
        done = run_cli("sweep", stack.name, "--apply")
        tally = visitors.stop()

    assert dry.returncode == 0, dry.stderr
    assert "This was a dry run" in dry.stdout
    assert left != before or phase == "baking"
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cleared" in done.stdout
    assert tally.failures == []
    assert stack.snapshot() == before
    groups = stack.account.snapshot().security_groups
    assert not [name for name in groups if f"{APPLICATION}-" in name]
    assert "nothing is left over" in run_cli("sweep", stack.name).stdout


async def terminate_in(stack: StackUnderTest, phase: str, run_cli: Cli) -> None:
    """While it bakes, its bake is terminated too."""
    handle = await stack.start(unbaked(stack) if phase == "baking" else "v2")
    status = await stack.until(
        lambda status: status["phase"] == phase and (phase != "baking" or bool(status["bake"]))
    )
    if phase == "baking":
        bake = stack.theatre.client.get_workflow_handle(status["bake"]["workflow_id"])

        async def made() -> bool:
            return bool((await bake.query("status"))["ledger"])

        await eventually(made)
        await bake.terminate("a person was in a hurry")
    else:
        words = "a release or rollback of it is under way"
        assert words in run_cli("sweep", stack.name, "--apply").stdout
    await handle.terminate("a person was in a hurry")


async def test_a_first_release_that_serves_users_is_left_to_a_person(
    make_stack: Callable[..., StackUnderTest], run_cli: Cli
) -> None:
    """It gets the traffic, and nothing is marked as serving. There is a command for either way."""
    stack = make_stack(timeouts={"soak": 60}, sweeping="age = 0")
    stack.repository.release("v1")
    handle = await stack.start("v1")
    await stack.until_phase("watching")
    await handle.terminate("a person was in a hurry")
    left = run_cli("sweep", stack.name, "--apply")

    assert left.returncode == 1
    assert "no deployment is marked as serving" in left.stdout
    assert len(stack.groups()["v1"]["Instances"]) == 2
    command = (
        left.stdout.split("to take it away: aws autoscaling ")[1].split(", then sweep")[0].split()
    )
    stack.account.autoscaling.detach_load_balancer_target_groups(
        AutoScalingGroupName=command[2], TargetGroupARNs=command[4:]
    )
    assert run_cli("sweep", stack.name, "--apply").returncode == 0
    assert stack.snapshot().groups == {}
