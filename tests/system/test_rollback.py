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
    ledger = run_cli("leftovers", stack.name)
    assert ledger.returncode == 0, ledger.stderr
    assert (await (await stack.start_rollback()).result())["tag"] == "v2"
    assert stack.groups()["v2"]["MaxSize"] == 8


async def test_a_rollback_that_fails_leaves_what_serves_serving_and_the_other_parked(
    twice: StackUnderTest,
) -> None:
    stack = twice
    name = stack.groups()["v1"]["AutoScalingGroupName"]
    stack.set_timeouts(healthy=2)
    stack.account.fault("boot_silent", "RunInstances", match={"tags": name}, times=None)
    before = stack.snapshot()
    with stack.visitors() as visitors:
        error = await stack.fails(await stack.start_rollback())
        tally = visitors.stop()
    after = stack.snapshot()

    assert error.type == "RolledBack"
    assert "v1 is not fit to serve" in error.message
    assert tally.failures == []
    assert set(tally.versions) == {"v2"}
    assert after == before


async def test_where_the_group_is_gone_its_image_is_launched_again(twice: StackUnderTest) -> None:
    stack, account = twice, twice.account
    gone = stack.groups()["v1"]["AutoScalingGroupName"]
    account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=gone)
    account.ec2.delete_launch_template(LaunchTemplateName=gone)
    account.forget_calls()
    result = await (await stack.start_rollback(to="v1")).result()

    assert result["tag"] == "v1"
    assert result["deployment"] != gone
    assert stack.groups()["v1"]["DesiredCapacity"] == 2
    assert "RunInstances" not in aws_calls(account.calls())


async def test_a_rollback_to_what_cannot_serve_is_refused_with_what_there_is(
    twice: StackUnderTest, run_cli: Cli
) -> None:
    for to, words in (("v9", "v9 is not kept; there are: v1"), ("v2", "it serves")):
        done = run_cli("rollback", twice.name, "--to", to)

        assert done.returncode == 2
        assert words in done.stderr
