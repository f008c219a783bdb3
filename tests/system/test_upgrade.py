"""A release that waits for its approval goes on under the next version of Ovenbird."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from temporalio.client import Client

from demo.processes import Process
from tests.stacks import StackUnderTest, Theatre, eventually


def make_current(theatre: Theatre, name: str, build: str) -> bool:
    command = [
        str(Path(sys.executable).parent / "temporal"),
        "worker",
        "deployment",
        "set-current-version",
        "--yes",
    ]
    options = [
        "--address",
        theatre.stage.temporal_address,
        "--deployment-name",
        name,
        "--build-id",
        build,
    ]
    return (
        subprocess.run(
            [*command, *options], capture_output=True, check=False, timeout=30
        ).returncode
        == 0
    )


@pytest.mark.shared_images
async def test_a_release_that_waits_goes_on_under_the_next_version(
    make_stack: Callable[..., StackUnderTest], theatre: Theatre
) -> None:
    stack = make_stack(top="approval = true")
    stack.repository.release("v1")
    client: Client = theatre.client

    async def worker(build: str) -> None:
        environment = {
            "OVENBIRD_TASK_QUEUE": "versioned",
            "TEMPORAL_DEPLOYMENT_NAME": "versioned",
            "TEMPORAL_WORKER_BUILD_ID": build,
        }
        workers.append(await asyncio.to_thread(lambda: theatre.stage.start_worker(**environment)))

        async def current() -> bool:
            return await asyncio.to_thread(make_current, theatre, "versioned", build)

        await eventually(current)

    workers: list[Process] = []
    await worker("one")
    handle = await client.start_workflow(
        "ReleaseWorkflow",
        {"stack": stack.name, "tag": "v1"},
        id=f"release-{stack.name}",
        task_queue="versioned",
    )
    await stack.until_phase("waiting_approval")
    await worker("two")
    workers[0].kill()
    await handle.signal("approve_cutover", {"by": "ann"})
    result = await handle.result()
    workers[1].kill()

    assert result["tag"] == "v1"
