"""AWS refuses the way back for longer than timeouts.way_back: the release says what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from tests.stacks import StackUnderTest, new_tags

Cli = Callable[..., CompletedProcess[str]]
TIMEOUTS = {"way_back": 3}
pytestmark = pytest.mark.shared_images


async def test_what_aws_refuses_to_delete_is_listed_with_its_command_and_swept_later(
    make_stack: Callable[..., StackUnderTest], run_cli: Cli
) -> None:
    stack = make_stack(
        timeouts=TIMEOUTS, capacity="min = 1\nmax = 8\ndesired = 2", sweeping="age = 0"
    )
    new_tags(stack, "v1")
    stack.repository.release("sick", SICK="yes")
    await stack.release("v1")
    stack.set_timeouts(healthy=2)
    before = stack.snapshot()
    stack.account.fault("error", "DeleteLaunchTemplate", times=None)
    with stack.visitors() as visitors:
        ended = await asyncio.to_thread(run_cli, "release", stack.name, "sick")
        tally = visitors.stop()
    left = stack.snapshot()
    green = next(name for name in left.templates if "-sick-" in name)

    assert ended.returncode == 11, ended.stdout + ended.stderr
    assert f"{stack.name} serves v1 as before" in ended.stderr
    assert f"aws ec2 delete-launch-template --launch-template-name {green}" in ended.stderr
    assert tally.failures == []
    assert list(left.groups) == list(before.groups)
    ledger = await asyncio.to_thread(run_cli, "leftovers", stack.name)
    mine = [line for line in ledger.stdout.splitlines() if f"launch template\t{green}" in line]
    assert len(mine) == 1
    assert mine[0].endswith("there")
    stack.account.clear_faults()
    swept = await asyncio.to_thread(run_cli, "sweep", stack.name, "--apply")
    assert swept.returncode == 0, swept.stdout + swept.stderr
    assert stack.snapshot() == before
