"""Limits of activities count tries: time in which no worker is up ends nothing."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError, ApplicationErrorCategory
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.expected import ExpectedInterceptor
from domain.errors import NotReady
from workflows.policies import foreign_process, poll, tries


@workflow.defn(name="Polling")
class Polling:
    @workflow.run
    async def run(self, limit: float) -> str:
        return str(await workflow.execute_activity("look", **poll(0.1, limit)))


@workflow.defn(name="Running")
class Running:
    @workflow.run
    async def run(self, limit: float) -> str:
        return str(await workflow.execute_activity("look", **foreign_process(0.1, limit)))


@dataclass
class Distant:
    """What is looked at: ready once somebody says so."""

    ready: bool = False
    hangs: bool = False
    looks: int = 0
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn
    async def look(self) -> str:
        self.looks += 1
        self.looked.set()
        while self.hangs:
            activity.heartbeat()
            await asyncio.sleep(0.2)
        if not self.ready:
            raise NotReady("it is not there yet")
        return "there"


def worker(client: Client, queue: str, distant: Distant) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=[Polling, Running],
        activities=[distant.look],
        interceptors=[ExpectedInterceptor()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


async def start(client: Client, kind: str, limit: float) -> tuple[str, Any]:
    queue = f"policies-{uuid.uuid4()}"
    return queue, await client.start_workflow(kind, limit, id=queue, task_queue=queue)


async def test_a_time_without_a_worker_is_no_time_in_which_it_was_tried(server: Client) -> None:
    limit, distant = 2.0, Distant()
    queue, handle = await start(server, "Polling", limit)
    async with worker(server, queue, distant):
        await distant.looked.wait()
    await asyncio.sleep(limit + 1)
    distant.ready = True
    async with worker(server, queue, distant):
        assert await handle.result() == "there"


async def test_what_is_never_ready_ends_with_its_own_words(server: Client) -> None:
    distant = Distant()
    queue, handle = await start(server, "Polling", 0.5)
    async with worker(server, queue, distant):
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()

    assert isinstance(caught.value.cause, ActivityError)
    assert isinstance(caught.value.cause.cause, ApplicationError)
    assert caught.value.cause.cause.message == "it is not there yet"
    # Temporal logs and counts no error for it.
    assert caught.value.cause.cause.category is ApplicationErrorCategory.BENIGN
    assert distant.looks == tries(0.5, 0.1, 0.3, 1.5)


async def test_a_foreign_program_that_hangs_is_not_started_again(server: Client) -> None:
    distant = Distant(hangs=True)
    queue, handle = await start(server, "Running", 1.0)
    async with worker(server, queue, distant):
        with pytest.raises(WorkflowFailureError):
            await asyncio.wait_for(handle.result(), 20)
        distant.hangs = False

    assert distant.looks == 1


@given(st.floats(0, 1e6), st.floats(0.1, 10), st.floats(1, 100), st.sampled_from([1.5, 2.0]))
def test_the_pauses_between_the_tries_are_as_long_as_the_limit(
    limit: float, first: float, more: float, growth: float
) -> None:
    longest = first * more
    number = tries(limit, first, longest, growth)
    pauses, pause = [], first
    for _ in range(min(number - 1, 100_000)):
        pauses.append(pause)
        pause = min(longest, pause * growth)

    assert number >= 2
    assert sum(pauses) >= limit or number > 100_000
    assert sum(pauses[:-2]) < max(limit, first)
