"""Terminate runs no code: what it leaves is found and cleared by the sweep, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from subprocess import CompletedProcess

import pytest

from tests.conftest import StackUnderTest

Cli = Callable[..., CompletedProcess[str]]
PATIENCE = "first_look = 0.3\npoll = 0.5\nconfirm = 0.2\nhealthy = 60\nsoak = 0.5\ndrain = 60\n"


@pytest.fixture
async def serving(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
    stack = make_stack(patience=PATIENCE, capacity="min = 1\nmax = 8\ndesired = 2", sweeping="age = 0")
    stack.repository.release("v1")
    stack.repository.release("v2")
    await stack.release("v1")
    stack.theatre.stacks[stack.name] = stack.theatre.stacks[stack.name].replace("soak = 0.5", "soak = 60")
    stack.theatre.write_stacks()
    return stack


@pytest.mark.parametrize("phase", ["baking", "waiting_healthy", "watching"])
async def test_what_a_terminated_release_leaves_is_cleared_under_traffic(serving: StackUnderTest, run_cli: Cli, phase: str) -> None:
    """Blue had left the balancer in the last case: it is back and healthy before green goes, and no request fails."""
    stack = serving
    before = asdict(stack.account.snapshot(only=stack.name + "-"))
    with stack.traffic() as traffic:
        handle = await stack.start("v2")
        await stack.until(
            lambda status: (
                status["phase"] == phase
                and (phase != "watching" or not status["blue"]["in_balancer"])
                and (phase != "baking" or bool(status["bake"]))
            )
        )
        if phase == "baking":
            bake = stack.theatre.client.get_workflow_handle((await stack.status())["bake"]["workflow_id"])
            while not (await bake.query("status"))["ledger"]:
                pass
            await bake.terminate("a person was in a hurry")
        else:
            assert "a release or rollback of it is under way" in run_cli("sweep", stack.name, "--apply").stdout
        await handle.terminate("a person was in a hurry")
        dry = run_cli("sweep", stack.name)
        left = asdict(stack.account.snapshot(only=stack.name + "-"))
        done = run_cli("sweep", stack.name, "--apply")
        tally = traffic.stop()

    assert dry.returncode == 0, dry.stderr
    assert "This was a dry run" in dry.stdout
    assert left != before or phase == "baking"
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cleared" in done.stdout
    assert tally.failures == []
    assert asdict(stack.account.snapshot(only=stack.name + "-")) == before
    assert not [name for name in stack.account.snapshot().security_groups if f"app{stack.name[1:]}-" in name]
    assert "nothing is left over" in run_cli("sweep", stack.name).stdout


async def test_a_sweep_stops_itself_when_its_input_looks_wrong(serving: StackUnderTest, run_cli: Cli) -> None:
    stack, account = serving, serving.account
    name = stack.groups()["v1"]["AutoScalingGroupName"]
    account.autoscaling.create_or_update_tags(
        Tags=[{"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": "ovenbird:state", "Value": "", "PropagateAtLaunch": False}]
    )
    before = asdict(account.snapshot(only=stack.name + "-"))
    done = run_cli("sweep", stack.name, "--apply")

    assert "none that serves" in done.stdout
    assert done.returncode == 1
    assert asdict(account.snapshot(only=stack.name + "-")) == before
