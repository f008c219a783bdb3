"""Terminate runs no code: what it leaves is found and cleared by the sweep, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from subprocess import CompletedProcess

import pytest

from tests.conftest import StackUnderTest

Cli = Callable[..., CompletedProcess[str]]
TIMEOUTS = "first_poll = 0.3\npoll = 0.5\nconfirm = 0.2\nhealthy = 60\nsoak = 0.5\ndrain = 60\n"


@pytest.fixture
async def serving(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
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
    return stack


@pytest.mark.parametrize("phase", ["baking", "waiting_healthy", "watching"])
async def test_what_a_terminated_release_leaves_is_cleared_under_traffic(
    serving: StackUnderTest, run_cli: Cli, phase: str
) -> None:
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
            bake = stack.theatre.client.get_workflow_handle(
                (await stack.status())["bake"]["workflow_id"]
            )
            while not (await bake.query("status"))["ledger"]:
                pass
            await bake.terminate("a person was in a hurry")
        else:
            assert (
                "a release or rollback of it is under way"
                in run_cli("sweep", stack.name, "--apply").stdout
            )
        await handle.terminate("a person was in a hurry")
        if phase == "watching":
            refused = await stack.fails(await stack.start("v2"))
            assert refused.type == "Refused"
            assert f"ovenbird sweep {stack.name}" in refused.message
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
    assert not [
        name for name in stack.account.snapshot().security_groups if f"app{stack.name[1:]}-" in name
    ]
    assert "nothing is left over" in run_cli("sweep", stack.name).stdout


async def test_a_sweep_stops_itself_when_its_input_looks_wrong(
    serving: StackUnderTest, run_cli: Cli
) -> None:
    stack, account = serving, serving.account
    name = stack.groups()["v1"]["AutoScalingGroupName"]
    account.autoscaling.create_or_update_tags(
        Tags=[
            {
                "ResourceId": name,
                "ResourceType": "auto-scaling-group",
                "Key": "ovenbird:state",
                "Value": "",
                "PropagateAtLaunch": False,
            }
        ]
    )
    before = asdict(account.snapshot(only=stack.name + "-"))
    done = run_cli("sweep", stack.name, "--apply")

    assert "no deployment is marked as serving" in done.stdout
    assert done.returncode == 1
    assert asdict(account.snapshot(only=stack.name + "-")) == before


async def test_what_serves_users_stays_until_blue_is_healthy_however_dead_its_release(
    serving: StackUnderTest, run_cli: Cli
) -> None:
    """Blue is ill when it comes back: the sweep gives up and lets go of the lock, and green goes on serving until the next one."""
    stack, account = serving, serving.account
    before = asdict(account.snapshot(only=stack.name + "-"))
    handle = await stack.start("v2")
    await stack.until(
        lambda status: status["phase"] == "watching" and not status["blue"]["in_balancer"]
    )
    await handle.terminate("a person was in a hurry")
    stack.theatre.stacks[stack.name] = stack.theatre.stacks[stack.name].replace(
        "healthy = 60", "healthy = 3"
    )
    stack.theatre.write_stacks()
    account.fault("boot_silent", match={"tags": f"{stack.name}-v1"}, times=None)
    blue = [i["InstanceId"] for i in stack.groups()["v1"]["Instances"]]
    for instance in blue:
        account._control("POST", f"instances/{instance}/kill")
    with stack.traffic() as traffic:
        ill = run_cli("sweep", stack.name, "--apply")
        assert ill.returncode == 1
        assert "did not become healthy again" in ill.stdout
        assert len(stack.groups()["v2"]["Instances"]) == 2
        account.clear_faults()
        stack.theatre.stacks[stack.name] = stack.theatre.stacks[stack.name].replace(
            "healthy = 3", "healthy = 60"
        )
        stack.theatre.write_stacks()
        done = run_cli("sweep", stack.name, "--apply", timeout=90)
        tally = traffic.stop()

    assert done.returncode == 0, done.stdout + done.stderr
    assert tally.failures == []
    after = asdict(account.snapshot(only=stack.name + "-"))
    assert after["templates"] == before["templates"]
    assert [(len(g["instances"]), g["min"]) for g in after["groups"].values()] == [(2, 1)]


async def test_a_first_release_that_serves_users_is_left_to_a_person(
    make_stack: Callable[..., StackUnderTest], run_cli: Cli
) -> None:
    """Nothing is marked as serving, and it gets the traffic: to keep it or to take it away are one command each."""
    stack = make_stack(timeouts=TIMEOUTS.replace("soak = 0.5", "soak = 60"), sweeping="age = 0")
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
    assert stack.account.snapshot(only=stack.name + "-").groups == {}
