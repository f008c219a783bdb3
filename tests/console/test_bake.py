"""`ovenbird bake`: an image before its release, and a new one when its parts have changed."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from typing import Any

from demo.account import aws_calls
from tests.conftest import StackUnderTest

Cli = Callable[..., subprocess.CompletedProcess[str]]


async def baked(run_cli: Cli, *arguments: str) -> dict[str, Any]:
    done = await asyncio.to_thread(run_cli, "bake", *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


async def test_a_tag_is_baked_once_and_again_when_told_to_or_when_its_base_image_has_changed(
    stack: StackUnderTest, run_cli: Cli
) -> None:
    stack.repository.release("v1")
    refused = await asyncio.to_thread(run_cli, "bake", stack.name, "--if-stale")
    assert refused.returncode == 2
    assert f"nothing serves {stack.name}" in refused.stderr
    first = await baked(run_cli, stack.name, "v1")
    second = await baked(run_cli, stack.name, "v1")
    third = await baked(run_cli, stack.name, "v1", "--rebake")
    stack.account.forget_calls()
    released = await stack.release("v1")

    assert (first["baked"], second["baked"], third["baked"]) == (True, False, True)
    assert first["image"]["id"] == second["image"]["id"] != third["image"]["id"]
    assert released["image"] == third["image"]["id"]
    assert "CreateImage" not in aws_calls(stack.account.calls())
    await what_serves_is_baked_anew(stack, run_cli)


async def what_serves_is_baked_anew(stack: StackUnderTest, run_cli: Cli) -> None:
    same = await baked(run_cli, stack.name, "--if-stale")
    base = stack.account.ec2.register_image(
        Name=f"base-of-{stack.name}", RootDeviceName="/dev/xvda"
    )["ImageId"]
    stack.configure(stack.infrastructure.base_image, base)
    anew = await baked(run_cli, stack.name, "--if-stale")

    assert (same["baked"], anew["baked"]) == (False, True)
    assert (anew["image"]["base_image"], anew["image"]["tag"]) == (base, "v1")


async def test_it_can_be_scheduled(stack: StackUnderTest, run_cli: Cli) -> None:
    on = await asyncio.to_thread(run_cli, "bake", stack.name, "--if-stale", "--every", "1440")
    scheduled = [schedule.id async for schedule in await stack.theatre.client.list_schedules()]
    off = await asyncio.to_thread(run_cli, "bake", stack.name, "--if-stale", "--never")
    wrong = await asyncio.to_thread(run_cli, "bake", stack.name)

    assert (on.returncode, off.returncode, wrong.returncode) == (0, 0, 2)
    assert f"ovenbird-bake-{stack.name}" in scheduled
    assert "--if-stale" in wrong.stderr
