"""A rollback takes the parked deployment back into service. What serves stays until then."""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from demo.account import aws_calls
from tests.stacks import StackUnderTest, eventually

Cli = Callable[..., CompletedProcess[str]]
pytestmark = pytest.mark.shared_images


@pytest.fixture
async def twice(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
    """v1 is parked and v2 serves. Its minimum is below its size, as after a scale-out."""
    stack = make_stack(capacity="min = 1\nmax = 8\ndesired = 2")
    for tag in ("v1", "v2"):
        stack.repository.release(tag)
        await stack.release(tag)
    return stack


async def test_a_rollback_wakes_the_parked_group_as_large_as_the_load_is_today(
    twice: StackUnderTest, run_cli: Cli
) -> None:
    """It makes no image and no group, and no request fails. The next rollback goes back again."""
    stack, account = twice, twice.account
    names = {tag: group["AutoScalingGroupName"] for tag, group in stack.groups().items()}
    account.autoscaling.set_desired_capacity(AutoScalingGroupName=names["v2"], DesiredCapacity=3)

    async def grown() -> bool:
        return len(stack.groups()["v2"]["Instances"]) == 3

    await eventually(grown)
    account.forget_calls()
    with stack.visitors() as visitors:
        done = run_cli("rollback", stack.name, "--by", "ann")
        tally = visitors.stop()
    groups = stack.groups()

    assert done.returncode == 0, done.stderr
    assert f"{stack.name} serves v1" in done.stdout
    assert tally.failures == []
    assert set(tally.versions) == {"v1", "v2"}
    assert {tag: group["AutoScalingGroupName"] for tag, group in groups.items()} == names
    assert (groups["v1"]["DesiredCapacity"], groups["v1"]["MinSize"]) == (3, 1)
    assert (groups["v2"]["DesiredCapacity"], groups["v2"]["MaxSize"]) == (0, 0)
    assert not {"RunInstances", "CreateAutoScalingGroup", "CreateLaunchTemplate"} & set(
        aws_calls(account.calls())
    )
    board = run_cli("rollback", stack.name, "--board").stdout.splitlines()
    assert board[1].startswith("v1\t")
    assert "it serves" in board[1]
    assert board[2].startswith("v2\t")
    refused = run_cli("rollback", stack.name, "--to", "v9")
    assert (refused.returncode, "v9 is not kept" in refused.stderr) == (2, True), refused.stderr
    ledger = run_cli("leftovers", stack.name)
    assert ledger.returncode == 0, ledger.stderr
    assert (await (await stack.start_rollback()).result())["tag"] == "v2"
    assert stack.groups()["v2"]["MaxSize"] == 8
