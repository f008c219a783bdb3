"""What the plays of `make histories` do again and again: wait, pause, abort, save."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.client import WorkflowHandle

from bench.runs import LIMIT
from bench.torture.lane import Lane

Handle = WorkflowHandle[Any, Any]
Status = dict[str, Any]
Save = Callable[[str, Handle], Awaitable[None]]
ABORT = "abort_and_roll_back"
# Seconds between two looks at a workflow.
LOOK = 0.02


async def pause(lane: Lane, handle: Handle) -> None:
    await until(lane, handle, lambda status: status.get("phase") == "waiting_healthy")
    await lane.signal(handle, "pause")
    await until(lane, handle, lambda status: bool(status.get("paused")))


async def abort(lane: Lane, handle: Handle) -> None:
    await lane.signal(handle, ABORT)
    await end(lane, handle, "RolledBack")


async def bake_of(lane: Lane, handle: Handle) -> Handle:
    bake = (await lane.status(handle))["bake"]
    return lane.client.get_workflow_handle(bake["workflow_id"])


async def until(lane: Lane, handle: Handle, ready: Callable[[Status], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not ready(await lane.status(handle)):
            await asyncio.sleep(LOOK)


async def end(lane: Lane, handle: Handle, wanted: str = "Completed") -> None:
    if (ended := await lane.ending(handle)) != wanted:
        raise RuntimeError(f"{handle.id} ended as {ended}, not as {wanted}: {lane.last_words}")


async def save_ended(
    lane: Lane, save: Save, name: str, handle: Handle, wanted: str = "Completed"
) -> None:
    await end(lane, handle, wanted)
    await save(name, handle)
