"""Follow a release to its end, whatever happens to workers meanwhile."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from console.codes import WAITING_FOR_APPROVAL, Stop
from console.render import View
from console.temporal import PATIENCE_WITHOUT_WORKER, ended_badly, no_worker, query_status, stuck, trying_again, workers
from domain.status import Status

LOOK_EVERY = 0.4


async def follow(client: Client, handle: WorkflowHandle[Any, Any], view: View, *, wait_for_approval: bool = True) -> dict[str, Any]:
    """
    The result of a release that ended well.

    Stops with the code of how else it ended, with 20 where it waits for an approval that is not to be awaited, and with 1
    where no worker has come to its first step within 10 s.
    """
    result = asyncio.create_task(handle.result())
    started, heard = time.monotonic(), False
    last_words = ""
    try:
        with view:
            while not (await asyncio.wait([result], timeout=LOOK_EVERY))[0]:
                status = await _status(handle)
                if status is not None and status.bullets:
                    heard = True
                    last_words = await _show(client, handle, view, status)
                    if status.waiting_for and not wait_for_approval:
                        raise Stop(
                            WAITING_FOR_APPROVAL,
                            f"{status.stack} waits for the approval of {status.tag}: ovenbird approve {status.stack}",
                            status=status.model_dump(),
                        )
                elif time.monotonic() - started > PATIENCE_WITHOUT_WORKER and not await workers(client):
                    if not heard:
                        raise no_worker("The release is accepted and begins as soon as one does.")
                    if last_words != "no worker":
                        last_words = "no worker"
                        view.say("no worker is up: the release goes on as soon as one is")
            await _last_look(handle, view)
    finally:
        if not result.done():
            result.cancel()
    try:
        value: dict[str, Any] = await result
    except WorkflowFailureError as error:
        raise ended_badly(error) from None
    return value


async def _status(handle: WorkflowHandle[Any, Any]) -> Status | None:
    try:
        return await query_status(handle)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _show(client: Client, handle: WorkflowHandle[Any, Any], view: View, status: Status) -> str:
    description = await handle.describe()
    if words := await stuck(handle, description):
        view.say(f"STUCK: {words}; it goes on once fixed code runs on the workers")
    bake = None
    if status.bake and status.phase == "baking":
        bake = await _status(client.get_workflow_handle(status.bake.workflow_id))
    view.show(status, bake, trying_again(description))
    return ""


async def _last_look(handle: WorkflowHandle[Any, Any], view: View) -> None:
    """The closed workflow still answers as long as a worker is up."""
    status = await _status(handle)
    if status and status.bullets:
        view.show(status, None, "")
