"""Follow a release to its end, whatever happens to workers meanwhile."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from console.codes import WAITING_FOR_APPROVAL, Stop
from console.render import View
from console.temporal import (
    PATIENCE_WITHOUT_WORKER,
    RPC_TIMEOUT,
    ended_badly,
    no_worker,
    picked_up,
    query_status,
    stuck,
    trying_again,
)
from domain.status import Status

LOOK_EVERY = 0.4


async def follow(
    client: Client, handle: WorkflowHandle[Any, Any], view: View, *, wait_for_approval: bool = True
) -> dict[str, Any]:
    """
    The result of a release that ended well.

    Stops with the code of how else it ended, with 20 where it waits for an approval that is not to be awaited, and with 1
    where no worker has come to its first step within 10 s.
    """
    result = asyncio.create_task(handle.result())
    heard_at, heard, said = time.monotonic(), False, ""
    try:
        with view:
            while not (await asyncio.wait([result], timeout=LOOK_EVERY))[0]:
                status = await _status(handle)
                if status is not None and status.bullets:
                    heard_at, heard, said = time.monotonic(), True, ""
                    await _show(client, handle, view, status)
                    if status.waiting_for and not wait_for_approval:
                        raise Stop(
                            WAITING_FOR_APPROVAL,
                            f"{status.stack} waits for the approval of {status.tag}: ovenbird approve {status.stack}",
                            status=status.model_dump(),
                        )
                elif time.monotonic() - heard_at > PATIENCE_WITHOUT_WORKER:
                    if not heard and not await picked_up(handle):
                        raise no_worker("The release is accepted and begins as soon as one does.")
                    said = await _explain_silence(handle, view, said)
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


async def _show(
    client: Client, handle: WorkflowHandle[Any, Any], view: View, status: Status
) -> None:
    description = await handle.describe(rpc_timeout=RPC_TIMEOUT)
    bake = None
    if status.bake and status.phase == "baking":
        bake = await _status(client.get_workflow_handle(status.bake.workflow_id))
    view.show(status, bake, trying_again(description))


async def _explain_silence(handle: WorkflowHandle[Any, Any], view: View, said: str) -> str:
    """A bug in workflow code, or no worker; said once each."""
    problem = await stuck(handle, await handle.describe(rpc_timeout=RPC_TIMEOUT))
    words = (
        f"STUCK: {problem}; it goes on once fixed code runs on the workers"
        if problem
        else "no worker has answered for 10 s: it goes on as soon as one does"
    )
    if words != said:
        view.say(words)
    return words


async def _last_look(handle: WorkflowHandle[Any, Any], view: View) -> None:
    """The closed workflow still answers as long as a worker is up."""
    status = await _status(handle)
    if status and status.bullets:
        view.show(status, None, "")
