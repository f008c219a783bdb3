"""Follow a release to its end, whatever happens to workers meanwhile."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from console.codes import WAITING_FOR_APPROVAL, Stop
from console.temporal import (
    NO_WORKER_AFTER,
    RPC_TIMEOUT,
    ended_badly,
    no_worker,
    picked_up,
    query_status,
    stuck,
    trying_again,
)
from console.views import View
from domain.status import Status

POLL_INTERVAL = 0.4


async def follow(
    client: Client, handle: WorkflowHandle[Any, Any], view: View, *, wait_for_approval: bool = True
) -> dict[str, Any]:
    """
    The result of a release that ended well.

    Stops with the exit code of any other end; with 20 where it waits for an approval and
    `wait_for_approval` is false; with 1 where no worker has begun it within 10 s.
    """
    result = asyncio.create_task(handle.result())
    follower = _Follower(client, handle, view, wait_for_approval=wait_for_approval)
    try:
        with view:
            while not (await asyncio.wait([result], timeout=POLL_INTERVAL))[0]:
                await follower.poll()
            await follower.show_the_end()
    finally:
        if not result.done():
            result.cancel()
    try:
        value: dict[str, Any] = await result
    except WorkflowFailureError as error:
        raise ended_badly(error) from None
    return value


@dataclass
class _Follower:
    client: Client
    handle: WorkflowHandle[Any, Any]
    view: View
    wait_for_approval: bool = field(kw_only=True)
    answered_at: float = field(default_factory=time.monotonic)
    has_answered: bool = False
    last_explanation: str = ""

    async def poll(self) -> None:
        status = await _status(self.handle)
        if status is not None and status.bullets:
            self.answered_at, self.has_answered = time.monotonic(), True
            self.last_explanation = ""
            await self._show(status)
            self._stop_at_approval(status)
        elif time.monotonic() - self.answered_at > NO_WORKER_AFTER:
            if not self.has_answered and not await picked_up(self.handle):
                raise no_worker("The release is accepted and begins as soon as one does.")
            await self._explain_silence()

    async def show_the_end(self) -> None:
        """A closed workflow still answers while a worker is up."""
        status = await _status(self.handle)
        if status and status.bullets:
            self.view.show(status, None, "")

    async def _show(self, status: Status) -> None:
        description = await self.handle.describe(rpc_timeout=RPC_TIMEOUT)
        bake = None
        if status.bake and status.phase == "baking":
            bake = await _status(self.client.get_workflow_handle(status.bake.workflow_id))
        self.view.show(status, bake, trying_again(description))

    def _stop_at_approval(self, status: Status) -> None:
        asks = status.paused and status.paused.by == "Ovenbird"
        if asks and status.paused and not self.wait_for_approval:
            raise Stop(
                WAITING_FOR_APPROVAL,
                f"{status.stack} asks a person: {status.paused.reason}",
                status=status.model_dump(),
            )
        if status.waiting_for and not self.wait_for_approval:
            raise Stop(
                WAITING_FOR_APPROVAL,
                f"{status.stack} waits for the approval of {status.tag}:"
                f" ovenbird approve {status.stack}",
                status=status.model_dump(),
            )

    async def _explain_silence(self) -> None:
        """Either workflow code has a bug or no worker runs; each is said once."""
        problem = await stuck(self.handle, await self.handle.describe(rpc_timeout=RPC_TIMEOUT))
        explanation = (
            f"STUCK: {problem}; it goes on once fixed code runs on the workers"
            if problem
            else "no worker has answered for 10 s: it goes on as soon as one does"
        )
        if explanation != self.last_explanation:
            self.view.say(explanation)
        self.last_explanation = explanation


async def _status(handle: WorkflowHandle[Any, Any]) -> Status | None:
    try:
        return await query_status(handle)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
