"""Messages in any order have one outcome: the table of docs/operations.md, sent to no worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from temporalio.client import WorkflowHandle

from tests.workflows.case import Case, Handle, failure
from tests.workflows.conftest import MakeCase, Mode, worker_of

ABORT, APPROVE, PAUSE, RESUME = "abort_and_roll_back", "approve_cutover", "pause", "resume"
BEFORE_THE_FIRST_TASK = [
    ((ABORT,), "Refused"),
    ((APPROVE, ABORT), "Refused"),
    ((ABORT, APPROVE), "Refused"),
    ((PAUSE, ABORT), "Refused"),
    ((APPROVE, APPROVE), "Completed"),
    ((PAUSE, APPROVE, RESUME), "Completed"),
    ((RESUME, APPROVE), "Completed"),
]
AT_THE_APPROVAL = [
    ((APPROVE, ABORT), "RolledBack"),
    ((ABORT, APPROVE), "RolledBack"),
    ((ABORT, ABORT), "RolledBack"),
    ((PAUSE, ABORT), "RolledBack"),
    ((PAUSE, APPROVE, RESUME), "Completed"),
    ((APPROVE, APPROVE), "Completed"),
    (("cancel",), "RolledBack"),
    ((APPROVE, "cancel"), "RolledBack"),
]


@asynccontextmanager
async def working(case: Case, mode: Mode) -> AsyncIterator[None]:
    """Meanwhile there is a worker for the releases of `apart`."""
    async with worker_of(replace(case, task_queue=queue(case)), mode.kept):
        yield


def queue(case: Case) -> str:
    """The worker of the fixture does not poll it."""
    return f"{case.task_queue}-apart"


async def apart(case: Case) -> Handle:
    """A release that begins once somebody is `working`."""
    handle: WorkflowHandle[object, object] = await case.client.start_workflow(
        "ReleaseWorkflow",
        {"stack": case.stack.name, "tag": "v2", "requested_by": "tests"},
        id=case.lock,
        task_queue=queue(case),
    )
    case.world.begin()
    case.runs.append(handle)
    return handle


async def say(handle: Handle, words: tuple[str, ...]) -> None:
    for word in words:
        await (handle.cancel() if word == "cancel" else handle.signal(word, {"by": "ann"}))


async def ending(handle: Handle) -> str:
    error = await failure(handle)
    return error.type or "" if error else "Completed"


@pytest.mark.parametrize(("words", "ended"), BEFORE_THE_FIRST_TASK)
async def test_words_before_the_first_task(
    make_case: MakeCase, mode: Mode, words: tuple[str, ...], ended: str
) -> None:
    case = await make_case(approval=True)
    handle = await apart(case)
    await say(handle, words)
    async with working(case, mode):
        assert await ending(handle) == ended
        await case.keep_promises()


@pytest.mark.parametrize(("words", "ended"), AT_THE_APPROVAL)
async def test_words_in_one_instant_at_the_approval(
    make_case: MakeCase, mode: Mode, words: tuple[str, ...], ended: str
) -> None:
    """While no worker is up they wait. All of them arrive in one workflow task."""
    case = await make_case(approval=True)
    handle = await apart(case)
    async with working(case, mode):
        await case.until_waiting()
    await say(handle, words)
    async with working(case, mode):
        assert await ending(handle) == ended
        await case.keep_promises()
