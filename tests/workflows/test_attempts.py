"""Whatever an activity raises ends its attempt, and the run says what that was."""

from __future__ import annotations

import asyncio
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ActivityError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.attempts import AttemptInterceptor, in_thread
from activities.expected import ExpectedInterceptor
from activities.heartbeat import HeartbeatInterceptor
from workflows.failures import describe
from workflows.policies import retrying

RAISED: dict[str, BaseException] = {
    "StopIteration": StopIteration(),
    "StopAsyncIteration": StopAsyncIteration("no more"),
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "BaseExceptionGroup": BaseExceptionGroup("two", [SystemExit(1), ValueError("x")]),
}
ENDS = {
    "StopIteration": "raised StopIteration",
    "StopAsyncIteration": "raised StopAsyncIteration: no more",
    "SystemExit": "raised SystemExit: 3",
    "KeyboardInterrupt": "raised KeyboardInterrupt",
    "BaseExceptionGroup": "raised BaseExceptionGroup: two (2 sub-exceptions)",
}
AN_ATTEMPT = retrying(0.1, first=0.1, longest=0.1)
# Each has two attempts, which end at once.
PATIENCE = 20


@activity.defn
def threaded(kind: str) -> None:
    raise RAISED[kind]


@activity.defn
async def awaited(kind: str) -> None:
    raise RAISED[kind]


@activity.defn
async def half_threaded(kind: str) -> None:
    def work() -> None:
        raise RAISED[kind]

    await in_thread(work)


@activity.defn
async def cancelled(_: str) -> None:
    activity.heartbeat()
    await asyncio.Event().wait()


@activity.defn(no_thread_cancel_exception=False)
def cancelled_in_a_thread(_: str) -> None:
    while True:
        threading.Event().wait(0.01)


@workflow.defn(name="Attempting")
class Attempting:
    @workflow.run
    async def run(self, name: str, kind: str) -> str:
        """How it ends; one named so is cancelled once it runs."""
        handle = workflow.start_activity(name, kind, **AN_ATTEMPT)
        if name.startswith("cancelled"):
            await workflow.sleep(0.5)
            handle.cancel()
        try:
            await handle
        except ActivityError as error:
            return describe(error)
        return "it ended well"


async def ends(server: Client, name: str, kind: str) -> str:
    queue = f"attempts-{uuid.uuid4()}"
    async with Worker(
        server,
        task_queue=queue,
        workflows=[Attempting],
        activities=[threaded, awaited, half_threaded, cancelled, cancelled_in_a_thread],
        activity_executor=ThreadPoolExecutor(2),
        max_concurrent_activities=2,
        interceptors=[HeartbeatInterceptor(), ExpectedInterceptor(), AttemptInterceptor()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await server.start_workflow(
            "Attempting", args=[name, kind], id=queue, task_queue=queue
        )
        try:
            return str(await asyncio.wait_for(handle.result(), PATIENCE))
        except WorkflowFailureError as error:
            return repr(error.cause)


@pytest.mark.parametrize("name", ["threaded", "awaited", "half_threaded"])
@pytest.mark.parametrize("kind", RAISED)
async def test_any_exception_ends_the_attempt(server: Client, name: str, kind: str) -> None:
    ended = await ends(server, name, kind)

    assert ended == f"{name} {ENDS[kind]}, and it was still so when the time for it was over"


@pytest.mark.parametrize("name", ["cancelled", "cancelled_in_a_thread"])
async def test_a_cancelled_attempt_stays_cancelled(server: Client, name: str) -> None:
    assert await ends(server, name, "") == "Cancelled"
