"""`ovenbird diff`: what a release would change about what serves."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable

from tests.conftest import StackUnderTest

Cli = Callable[..., subprocess.CompletedProcess[str]]


async def test_commits_and_files_between_two_images(stack: StackUnderTest, run_cli: Cli) -> None:
    stack.repository.release("v1", old__txt="x")
    stack.repository.release("v2", new__txt="y")
    for tag in ("v1", "v2"):
        baked = await asyncio.to_thread(run_cli, "bake", stack.name, tag)
        assert baked.returncode == 0, baked.stderr
    found = await asyncio.to_thread(run_cli, "diff", stack.name, "v1", "v2")
    missing = await asyncio.to_thread(run_cli, "diff", stack.name, "v1", "v3")

    assert found.returncode == 0, found.stderr
    lines = [line.split()[:3] for line in found.stdout.splitlines()]
    assert ["file:", "-", "/srv/app/old.txt"] in lines
    assert ["file:", "+", "/srv/app/new.txt"] in lines
    assert ["file:", "/srv/app/VERSION"] in [line[:2] for line in lines]
    assert [
        line
        for line in found.stdout.splitlines()
        if line.startswith("commit: ") and line.endswith(" Release v2")
    ]
    assert "Release v1" not in found.stdout
    assert missing.returncode == 2
    assert "there is no image of v3; there are: v1, v2" in missing.stderr
