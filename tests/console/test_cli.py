"""
The command line as a process: its output and its exit codes.

Without console.ending.leave, Temporal's runtime crashes one such process in four. Each exit code
that is expected here also shows that it does not.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.processes import ROOT
from tests.conftest import StackUnderTest, eventually

Cli = Callable[..., subprocess.CompletedProcess[str]]


async def in_thread(run: Cli, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(run, *arguments, **more)


@pytest.fixture
def approving(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
    stack = make_stack(top="approval = true")
    for tag in ("v1", "v2"):
        stack.repository.release(tag)
    return stack


async def test_a_release_from_plan_to_history(approving: StackUnderTest, run_cli: Cli) -> None:
    stack = approving.name
    plan = await in_thread(run_cli, "plan", stack, "v1")
    assert plan.returncode == 0
    assert "bake it" in plan.stdout
    waiting = await in_thread(run_cli, "release", stack, "v1", "--no-wait", "--by", "ann")
    assert waiting.returncode == 20, waiting.stderr
    assert f"ovenbird approve {stack}" in waiting.stderr
    locked = await in_thread(run_cli, "release", stack, "v2")
    assert locked.returncode == 2
    assert "locked" in locked.stderr
    assert "v1 is being released by ann since" in locked.stderr
    assert (await in_thread(run_cli, "resume", stack)).returncode == 2
    running = await in_thread(run_cli, "status")
    assert f"{stack}\tv1\twaiting_approval" in running.stdout
    approved = await in_thread(run_cli, "approve", stack, "--by", "bob", "--reason", "fine")
    assert approved.returncode == 0, approved.stderr
    watched = await in_thread(run_cli, "watch", stack)
    assert watched.returncode == 0, watched.stderr
    assert "approved by bob" in watched.stdout
    assert f"{stack} serves v1" in watched.stdout
    shown = await in_thread(run_cli, "status", stack)
    assert "✓  Prune all but the last five" in shown.stdout
    again = await in_thread(run_cli, "release", stack, "v1", "--json")
    assert again.returncode == 2
    assert json.loads(again.stdout.splitlines()[-1])["exit_code"] == 2
    history = await in_thread(run_cli, "history", stack, "--json")
    assert [(d["tag"], d["state"]) for d in json.loads(history.stdout)] == [("v1", "serving")]
    plan = await in_thread(run_cli, "plan", stack, "v2", "--json")
    assert json.loads(plan.stdout)["blue_tag"] == "v1"


@pytest.mark.shared_images
async def test_an_aborted_release_ends_with_10(approving: StackUnderTest, run_cli: Cli) -> None:
    following = asyncio.create_task(in_thread(run_cli, "release", approving.name, "v1"))
    await approving.until(lambda status: bool(status["waiting_for"]))
    assert (
        await in_thread(run_cli, "pause", approving.name, "--by", "ann", "--reason", "lunch")
    ).returncode == 0
    assert (
        await in_thread(run_cli, "abort", approving.name, "--by", "ann", "--reason", "no")
    ).returncode == 0
    ended = await following

    assert ended.returncode == 10
    assert "aborted by ann: no" in ended.stderr
    assert "nothing is left behind" in ended.stderr
    assert "paused by ann: lunch" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("release", "nostack", "v1"), "there is no stack 'nostack'"),
        (("release", "STACK", "v404"), "has no tag 'v404'"),
        (("watch", "neverheard"), "nothing was ever released"),
        (("abort", "neverheard"), "nothing is under way"),
        (("release", "STACK"), "Missing argument"),
    ],
)
async def test_what_is_refused_is_said_and_ends_with_2(
    stack: StackUnderTest, run_cli: Cli, arguments: tuple[str, ...], words: str
) -> None:
    stack.repository.release("v1")
    ended = await in_thread(
        run_cli, *(argument.replace("STACK", stack.name) for argument in arguments)
    )

    assert ended.returncode == 2, ended.stderr
    assert words in ended.stderr


def test_a_configuration_with_three_mistakes_lists_all_three(run_cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "stacks.toml"
    text = (ROOT / "deploy/stacks.toml").read_text()
    path.write_text(
        text.replace("min = 4, max = 40", "min = 4, max = 3").replace(
            'strategy = "attach"', 'strategy = "hope"'
        )
        + "\n[stacks.x]\n"
    )
    ended = run_cli("stacks", OVENBIRD_STACKS=str(path))

    assert ended.returncode == 2
    for words in (
        "stacks.production.capacity",
        "load_balancer.strategy",
        "stacks.x.capacity: is required",
    ):
        assert words in ended.stderr


def test_no_temporal_is_said_with_what_to_do(run_cli: Cli) -> None:
    ended = run_cli("status", TEMPORAL_ADDRESS="127.0.0.1:1")

    assert ended.returncode == 1
    assert "no Temporal server answers at 127.0.0.1:1" in ended.stderr


async def test_no_worker_is_said_after_ten_seconds(run_cli: Cli, stack: StackUnderTest) -> None:
    nowhere = {"OVENBIRD_TASK_QUEUE": f"nobody-{stack.name}"}
    history, release = await asyncio.gather(
        in_thread(run_cli, "history", stack.name, **nowhere),
        in_thread(run_cli, "release", stack.name, "v1", **nowhere),
    )

    assert history.returncode == release.returncode == 1
    assert "no worker polls the task queue" in history.stderr
    assert "accepted and begins as soon as one does" in release.stderr


@pytest.mark.shared_images
async def test_following_survives_a_killed_worker_and_ctrl_c_leaves_the_release_alone(
    approving: StackUnderTest,
) -> None:
    theatre = approving.theatre
    following = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "starter.py"),
        "release",
        approving.name,
        "v1",
        env=os.environ | theatre.stage.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await approving.until(lambda status: bool(status["waiting_for"]))
    theatre.worker.kill()
    assert theatre.worker
    await approving.until(lambda status: bool(status["waiting_for"]))
    following.send_signal(signal.SIGINT)
    _, errors = await following.communicate()

    assert following.returncode == 130
    assert "what is under way on the workers goes on" in errors.decode()
    assert (await approving.status())["phase"] == "waiting_approval"
    await theatre.client.get_workflow_handle(f"release-{approving.name}").signal(
        "abort_and_roll_back"
    )

    async def ended() -> bool:
        return bool((await approving.status())["phase"] == "rolled_back")

    await eventually(ended)
