"""The stacks file, and the runs of a stack: started, asked and signalled as by any client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

T = TypeVar("T")
# Seconds within which a play must end.
LIMIT = 240.0


class Stacks:
    """The stacks file of all stacks side by side."""

    def __init__(self, path: Path) -> None:
        self._path, self._stacks = path, dict[str, str]()

    def write(self, name: str, text: str) -> None:
        self._stacks[name] = text
        self._save()

    def drop(self, name: str) -> None:
        self._stacks.pop(name, None)
        self._save()

    def _save(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text("\n".join(self._stacks.values()))
        fresh.rename(self._path)


class Runs:
    """`last_words` are the failure of the last run that failed."""

    def __init__(self, client: Client, stack: str, task_queue: str, limit: float = LIMIT) -> None:
        self.client, self.name, self.task_queue = client, stack, task_queue
        self.last_words = ""
        self._limit = limit

    async def release(self, tag: str) -> WorkflowHandle[Any, Any]:
        return await self.start("ReleaseWorkflow", {"stack": self.name, "tag": tag})

    async def rollback(self, **more: str) -> WorkflowHandle[Any, Any]:
        return await self.start("RollbackWorkflow", {"stack": self.name} | more)

    async def start(
        self, workflow: str, request: dict[str, Any], workflow_id: str | None = None
    ) -> WorkflowHandle[Any, Any]:
        """`workflow_id` is the stack's lock where it is left out."""

        async def start() -> WorkflowHandle[Any, Any]:
            handle: WorkflowHandle[Any, Any] = await self.client.start_workflow(
                workflow,
                request,
                id=workflow_id or f"release-{self.name}",
                task_queue=self.task_queue,
                rpc_timeout=timedelta(seconds=5),
            )
            return handle

        return await patiently(start)

    async def ending(self, handle: WorkflowHandle[Any, Any]) -> str:
        """`Completed`, the type of the failure, or a sentence where it did not end in time."""

        async def result() -> str:
            try:
                await handle.result()
            except WorkflowFailureError as error:
                cause = error.cause
                self.last_words = str(cause)
                return (
                    (cause.type or "")
                    if isinstance(cause, ApplicationError)
                    else type(cause).__name__
                )
            return "Completed"

        try:
            return await asyncio.wait_for(patiently(result), self._limit)
        except TimeoutError:
            return f"no end within {self._limit:.0f} s"

    async def signal(self, handle: WorkflowHandle[Any, Any], name: str) -> None:
        """Does nothing where the workflow has ended."""

        async def send() -> None:
            try:
                await handle.signal(name, {"by": "torture"}, rpc_timeout=timedelta(seconds=5))
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise

        await patiently(send)

    async def status(self, handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
        """Empty where no worker answers."""
        try:
            found: dict[str, Any] = await handle.query("status", rpc_timeout=timedelta(seconds=2))
        except RPCError:
            return {}
        return found


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Calls again while Temporal's server restarts, so that the bench itself does not fail."""
    deadline = asyncio.get_running_loop().time() + 60
    while True:
        try:
            return await call()
        except RPCError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.2)
