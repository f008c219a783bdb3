"""Whatever a payload is: a start with it ends as Refused, and a message with it is obeyed."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from domain.errors import REFUSED
from domain.requests import Undecodable
from tests.workflows import raw
from tests.workflows.case import PATIENCE, Case, failure, rolled_back
from tests.workflows.conftest import MakeCase
from worker import WORKFLOWS
from workflows.contract import DATA_CONVERTER, WORKER_CONVERTER

TYPES = [workflow.__name__ for workflow in WORKFLOWS]


@pytest.mark.parametrize("odd", ["json/plain, large", "json/plain, many parts"])
def test_a_worker_reads_nothing_that_takes_long(odd: str) -> None:
    """A workflow has two seconds for all messages of a task. A client has all the time."""
    payloads = [raw.ODD[odd]]

    (unread,) = WORKER_CONVERTER.payload_converter.from_payloads(payloads)
    (read,) = DATA_CONVERTER.payload_converter.from_payloads(payloads)

    assert isinstance(unread, Undecodable)
    assert isinstance(read, str | list)


# Of a type that does not exist nothing is read.
UNKNOWN = "UnknownWorkflow"
# What cannot be decoded, read, parsed, and found; what is too large; what is no message.
KINDS = (
    "no UTF-8 as encoding",
    "binary/encrypted",
    "binary/null with data",
    "binary/protobuf",
    "json/plain, a lone surrogate",
    "json/plain, broken",
    "json/plain, many parts",
    "external storage",
)


async def refused(case: Case, workflow: str, odd: str) -> None:
    """It ends by itself, and says what is wrong."""
    workflow_id = f"{workflow}-{uuid.uuid4()}"
    await raw.start(case.client, workflow, workflow_id, case.task_queue, raw.ODD[odd])
    handle = case.client.get_workflow_handle(workflow_id)
    with pytest.raises(WorkflowFailureError) as caught:
        await asyncio.wait_for(handle.result(), PATIENCE)
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError), (workflow, odd, cause)
    assert cause.type == REFUSED, (workflow, odd, cause)
    assert "the input" in cause.message or workflow == UNKNOWN, (workflow, odd)


@pytest.mark.parametrize("sandboxed", [False, True])
async def test_a_start_with_any_payload_ends_as_refused(
    make_case: MakeCase, sandboxed: bool
) -> None:
    case = await make_case(sandboxed=sandboxed)
    types = TYPES if not sandboxed else TYPES[:1]

    await asyncio.gather(*(refused(case, workflow, odd) for workflow in types for odd in raw.ODD))


async def test_no_abort_is_lost_over_its_argument(make_case: MakeCase) -> None:
    """Of each kind; the message that another argument comes with is read in the same way."""
    case = await make_case(approval=True)
    for odd in KINDS:
        handle = await case.release()
        await raw.signal(case.client, case.lock, "abort_and_roll_back", raw.ODD[odd])

        error = await failure(handle)

        assert error
        assert "aborted by" in error.message


@pytest.mark.parametrize("sandboxed", [False, True])
async def test_no_message_holds_up_an_abort(make_case: MakeCase, sandboxed: bool) -> None:
    case = await make_case(approval=True, timeouts={"approval": 600}, sandboxed=sandboxed)
    handle = await case.release()
    await case.until_waiting()
    for odd in raw.ODD.values():
        for name in ("pause", "resume", "extend", "park_now", "no_such_message"):
            await raw.signal(case.client, case.lock, name, odd)
        await raw.update(case.client, case.lock, "pause", odd)
        assert await raw.query(case.client, case.lock, "status", odd)
    assert (await case.status())["paused"]

    await raw.signal(case.client, case.lock, "abort_and_roll_back", raw.ODD["no metadata"])

    await rolled_back(handle, "aborted by ")


@pytest.mark.parametrize("by", ["signal", "update"])
async def test_an_approval_counts_whatever_its_argument(make_case: MakeCase, by: str) -> None:
    """And a resume before it."""
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    await case.says("pause")
    odd = raw.ODD["binary/encrypted"]

    send = getattr(raw, by)
    await send(case.client, case.lock, "resume", odd)
    await case.until(lambda status: not status["paused"])
    await send(case.client, case.lock, "approve_cutover", odd)

    notes = (await handle.result())["notes"]
    assert any("binary/encrypted" in note and "not understood" in note for note in notes)


async def test_an_activity_that_somebody_else_completes_with_nonsense_is_a_failure(
    make_case: MakeCase,
) -> None:
    """Temporal lets anybody complete an activity; its worker is told so when it has ended."""
    case = await make_case()
    odd = raw.payload(b'"nonsense"', encoding=b"json/plain")
    case.world.at("observe", lambda: raw.complete(case.client, case.lock, "observe-1", odd))

    await rolled_back(await case.release(), "observe was answered with what cannot be read")
