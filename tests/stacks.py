"""The stack that a system test has for itself, and the processes that all of them share."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from demo.account import Account, Snapshot
from demo.example import Repository
from demo.infrastructure import Infrastructure
from demo.processes import Process, Stage
from demo.visitors import Visitors
from tests.shared_images import SharedRepository
from workflows.contract import TASK_QUEUE, release_id

# Requests a second of each visitor. More would take the CPU from what is tested.
RATE = 10.0
# Seconds between two looks of a test. Each look at a release is a query: 13 ms of a processor.
LOOK_EVERY = 0.15
# Seconds. The local cloud boots in a moment. A look costs a tenth of a second of a processor.
TIMEOUTS: dict[str, float] = {
    "first_poll": 0.3,
    "poll": 0.6,
    "confirm": 0.1,
    "healthy": 60,
    "approval": 600,
    "step": 1,
    "soak": 0.2,
    "drain": 60,
}


@dataclass
class Theatre:
    """The processes, the account in the local cloud, and the stacks file."""

    stage: Stage
    account: Account
    base: Infrastructure
    client: Client
    shared: SharedRepository
    stacks: dict[str, str] = field(default_factory=dict)

    def write_stacks(self) -> None:
        target = Path(self.stage.environment["OVENBIRD_STACKS"])
        temporary = target.with_suffix(".new")
        temporary.write_text("\n".join(self.stacks.values()))
        temporary.rename(target)

    @property
    def worker(self) -> Process:
        """The worker that runs. Where a test killed it, a new one is started."""
        alive = [worker for worker in self.stage.workers if worker.popen.poll() is None]
        return alive[-1] if alive else self.stage.start_worker()


@dataclass
class StackUnderTest:
    name: str
    theatre: Theatre
    infrastructure: Infrastructure
    repository: Repository
    # What differs from TIMEOUTS.
    timeouts: dict[str, float] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        return self.theatre.account

    async def start(self, tag: str, **more: Any) -> WorkflowHandle[Any, dict[str, Any]]:
        request = {"stack": self.name, "tag": tag, "requested_by": "tests"} | more
        handle: WorkflowHandle[Any, dict[str, Any]] = await self.theatre.client.start_workflow(
            "ReleaseWorkflow", request, id=release_id(self.name), task_queue=TASK_QUEUE
        )
        return handle

    async def start_rollback(self, **more: Any) -> WorkflowHandle[Any, dict[str, Any]]:
        handle: WorkflowHandle[Any, dict[str, Any]] = await self.theatre.client.start_workflow(
            "RollbackWorkflow",
            {"stack": self.name, "requested_by": "tests"} | more,
            id=release_id(self.name),
            task_queue=TASK_QUEUE,
        )
        return handle

    async def release(self, tag: str, **more: Any) -> dict[str, Any]:
        """Until it has completed. Where the stack asks for an approval, it is given at once."""
        handle = await self.start(tag, **more)
        if "approval = true" in self.theatre.stacks[self.name]:
            await handle.signal("approve_cutover", {"by": "tests"})
        return await handle.result()

    async def fails(self, handle: WorkflowHandle[Any, Any]) -> ApplicationError:
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        assert isinstance(caught.value.cause, ApplicationError)
        return caught.value.cause

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.theatre.client.get_workflow_handle(
            release_id(self.name)
        ).query("status")
        return found

    async def until(
        self, check: Callable[[dict[str, Any]], bool], within: float = 40
    ) -> dict[str, Any]:
        """The first status for which the check is true."""
        seen: dict[str, Any] = {}

        async def passes() -> bool:
            seen.update(await self.status())
            return check(seen)

        await eventually(
            passes,
            within,
            lambda: f"{self.name} never got there; it is {json.dumps(seen)[:4500]}",
        )
        return seen

    async def until_phase(self, *phases: str) -> dict[str, Any]:
        return await self.until(lambda status: status["phase"] in phases)

    def configure(self, was: str, becomes: str) -> None:
        """Replaces a text in this stack's part of the stacks file."""
        stacks = self.theatre.stacks
        assert was in stacks[self.name]
        stacks[self.name] = stacks[self.name].replace(was, becomes)
        self.theatre.write_stacks()

    def set_timeouts(self, **changes: float) -> None:
        """For the workflows that start from now on."""
        was = timeouts_table(self.timeouts)
        self.timeouts |= changes
        self.configure(was, timeouts_table(self.timeouts))

    def snapshot(self) -> Snapshot:
        """What there is of this stack, without the images of its application."""
        return self.account.snapshot(only=f"{self.name}-")

    def visitors(self, *, keep_alive: bool = True, rate: float = RATE) -> Visitors:
        return Visitors(self.infrastructure.address, keep_alive=keep_alive, rate=rate)

    def groups(self) -> dict[str, dict[str, Any]]:
        return self.account.stack_groups(self.name)


def timeouts_table(changes: dict[str, float]) -> str:
    """Lines of a stack's [timeouts] table."""
    return "\n".join(f"{name} = {seconds}" for name, seconds in (TIMEOUTS | changes).items())


def new_tags(stack: StackUnderTest, *tags: str) -> None:
    """Tags of the repository, each a version of its own."""
    for tag in tags:
        stack.repository.release(tag)


def unbaked(stack: StackUnderTest) -> str:
    """A tag that no other test bakes. It must not hold the name of the stack: see `snapshot`."""
    return f"unbaked.{stack.name[1:]}"


async def eventually(
    check: Callable[[], Awaitable[bool]],
    within: float = 20,
    words: Callable[[], str] = lambda: "it never came true",
) -> None:
    deadline = time.monotonic() + within
    while True:
        try:
            if await check():
                return
        except RPCError as error:
            last = str(error)
            if time.monotonic() > deadline:
                pytest.fail(last)
        if time.monotonic() > deadline:
            pytest.fail(words())
        await asyncio.sleep(LOOK_EVERY)
