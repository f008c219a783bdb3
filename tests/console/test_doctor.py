"""`ovenbird doctor`: what a release would fall over, before there is one."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable

from tests.conftest import StackUnderTest

Cli = Callable[..., subprocess.CompletedProcess[str]]


async def test_a_healthy_stack_and_a_sick_one(stack: StackUnderTest, run_cli: Cli) -> None:
    stack.repository.release("v1")
    well = await asyncio.to_thread(run_cli, "doctor", stack.name)
    assert well.returncode == 0, well.stdout + well.stderr
    assert f"✓\ttarget groups\t{stack.infrastructure.target_group}" in well.stdout
    text = stack.theatre.stacks[stack.name]
    for was, now in (
        (stack.repository.url, "file:///nowhere"),
        (stack.infrastructure.bucket, "no-such-bucket"),
        (f'["{stack.infrastructure.target_group}"]', '["nobody"]'),
        (stack.infrastructure.base_image, "ami-0123456789abcdef0"),
    ):
        text = text.replace(was, now)
    stack.theatre.stacks[stack.name] = text
    stack.theatre.write_stacks()
    sick = await asyncio.to_thread(run_cli, "doctor", stack.name)

    assert sick.returncode == 1
    wrong = {line.split("\t")[1]: line for line in sick.stdout.splitlines() if line.startswith("✗")}
    assert wrong.keys() == {"repository", "artifacts bucket", "target groups", "base image"}
    assert "file:///nowhere" in wrong["repository"]
    assert "nobody" in wrong["target groups"]


async def test_a_stack_that_there_is_not(run_cli: Cli, stack: StackUnderTest) -> None:
    refused = await asyncio.to_thread(run_cli, "doctor", "nowhere")

    assert refused.returncode == 2
    assert stack.name in refused.stderr
