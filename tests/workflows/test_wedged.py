"""An abort gets through when all else of a release is wedged, and what is kept is bounded."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from console.temporal import describe, stuck, tell
from domain.errors import REFUSED, ROLLED_BACK
from domain.status import Status, checklist_markdown
from tests.workflows import raw
from tests.workflows.case import PATIENCE, Case, Handle, failure, rolled_back
from tests.workflows.conftest import MakeCase, Mode, worker_of
from workflows import handlers
from workflows.operator import Operator
from workflows.steps import windows

ABORT = "abort_and_roll_back"
FROZEN = {"freezes": [{"begin": "2020-01-01T00:00:00+00:00", "end": "2099-01-01T00:00:00+00:00"}]}


async def is_stuck(case: Case, handle: Handle) -> str:
    """Why, once Temporal has repeated a task of it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        description = await describe(case.client, case.lock)
        assert description
        if words := await stuck(handle, description):
            return words
        await asyncio.sleep(0.05)
    raise AssertionError("it is not stuck")


def buggy(*_: Any) -> Any:
    raise OverflowError("date value out of range")


async def test_an_abort_gets_through_where_workflow_code_has_a_bug(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bug waits for fixed code. An operator need not."""
    case = await make_case(cutover=FROZEN)
    monkeypatch.setattr(windows, "opens_at", buggy)
    case.task_timeout = timedelta(seconds=1)
    handle = await case.release()
    assert "date value out of range" in await is_stuck(case, handle)

    await tell(case.client, case.stack.name, ABORT, {"by": "ann"})

    await rolled_back(handle, "aborted by ann")


@pytest.mark.parametrize("begun", [False, True])
async def test_an_abort_gets_through_a_bug_on_its_own_way(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    case = await make_case()
    monkeypatch.setattr(Operator, "raise_if_aborted", buggy_once_aborted)
    call = "observe" if begun else "find_deployments"
    case.world.at(call, lambda: tell(case.client, case.stack.name, ABORT, {"by": "ann"}))

    error = await failure(await case.release())

    assert error
    assert error.type == (ROLLED_BACK if begun else REFUSED)
    assert "workflow code failed when it was aborted: OverflowError" in error.message


async def test_an_abort_that_temporal_takes_as_no_update_is_sent_as_a_signal(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal refuses an update whose task of the workflow fails."""
    case = await make_case(approval=True)
    case.task_timeout = timedelta(seconds=1)
    handle = await case.release()
    await case.until_waiting()
    refuse = handlers._refuse
    asked: list[str] = []

    def buggy_after_the_validator(why: str) -> None:
        asked.append(why)
        if len(asked) % 2 == 0:
            buggy()
        refuse(why)

    monkeypatch.setattr(handlers, "_refuse", buggy_after_the_validator)

    assert "kept" in await tell(case.client, case.stack.name, ABORT, {"by": "ann"})
    await rolled_back(handle, "aborted by ann")


def buggy_once_aborted(operator: Operator) -> None:
    if operator.aborted:
        buggy()


@pytest.mark.parametrize("mode", [Mode(0, continued=False)], ids=["with the same bug"])
async def test_a_message_that_cannot_be_handled_is_noted_and_skipped(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()

    monkeypatch.setattr(Operator, "pauses", buggy)
    await handle.signal("pause", {"by": "ann"})
    with pytest.raises(WorkflowUpdateFailedError):
        await case.says("pause")

    status = await case.until(lambda status: bool(status["notes"]))
    assert (
        "a message could not be handled: OverflowError('date value out of range')"
        in (status["notes"])
    )
    await case.says(ABORT)
    await rolled_back(handle, "aborted by")
    await case.keep_promises()


async def test_a_checklist_that_cannot_be_drawn_stops_nothing(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows.run.checklist_markdown", buggy)
    case = await make_case()

    assert (await (await case.release()).result())["tag"] == "v2"
    shown = await raw.query(case.client, case.lock, "__temporal_workflow_metadata")
    assert b"this checklist cannot be shown: OverflowError" in shown


async def test_thousands_of_messages_are_drawn_once(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come in one task of the workflow, after a worker was away."""
    drawn: list[Status] = []

    def counted(status: Status) -> str:
        drawn.append(status)
        return checklist_markdown(status)

    monkeypatch.setattr("workflows.run.checklist_markdown", counted)
    case = await make_case(approval=True)
    case.task_queue += "-away"
    handle = await case.release()
    odd = raw.payload(b"x" * 3_000, encoding=b"nothing/known")
    names_of_messages = ("pause", "resume", "extend", "park_now")
    for at in range(0, 400, 50):
        sent = (
            raw.signal(case.client, case.lock, names_of_messages[(at + n) % 4], odd)
            for n in range(50)
        )
        await asyncio.gather(*sent)
    await raw.signal(case.client, case.lock, ABORT, odd)

    async with worker_of(case):
        error = await failure(handle)
        status = await handle.query("status")
        await case.keep_promises()

    assert error
    assert len(drawn) < 20
    assert len(status["notes"]) == 51
    assert "earlier notes are left out" in status["notes"][0]


@pytest.mark.parametrize("mode", [Mode(1_000, continued=True)], ids=["continued"])
async def test_a_flood_of_messages_continues_the_run_as_new(make_case: MakeCase) -> None:
    """Temporal refuses a run's messages from the 10,000th on, and an abort would be one of them."""
    case = await make_case(approval=True, timeouts={"approval": 600})
    handle = await case.release()
    await case.until_waiting()
    await case.says("pause")
    first = await run_id(case)
    while await run_id(case) == first:
        await raw.signal(case.client, case.lock, "pause")

    await case.says("resume")
    await case.until_waiting()
    await case.says(ABORT)

    await rolled_back(handle, "aborted by")


async def run_id(case: Case) -> str:
    found = await describe(case.client, case.lock)
    assert found
    return str(found.run_id)
