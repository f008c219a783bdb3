"""Whatever is sent to a release, it says how it is, and obeys an abort."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import REFUSED, ROLLED_BACK
from tests.domain import odd
from tests.fuzz import COUNTED, CRASHES, SECONDS, WEDGES, look
from tests.workflows import raw
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import PATIENCE, Case, Handle, failure
from tests.workflows.conftest import MakeCase
from tests.workflows.test_odd_payloads import TYPES

PLURAL = {"signal": "signals", "update": "updates", "query": "queries", "start": "starts"}
ABORT = "abort_and_roll_back"
WORDS = ["pause", "resume", "approve_cutover", "extend", "park_now"]
# Never ended by an approval: the freeze lasts longer than the approval may name a moment.
FROZEN = {
    "freezes": [
        {
            "begin": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
            "end": (datetime.now(UTC) + timedelta(days=360)).isoformat(),
        }
    ]
}


class Sent(NamedTuple):
    """`how` is a signal, an update, a query, or the start of another workflow of type `name`."""

    how: str
    name: str
    payloads: list[Payload]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "replace")


DATA = (
    st.binary(max_size=200)
    | odd.json_values().map(_json)
    | st.dictionaries(
        st.sampled_from(["by", "reason", "at"]), odd.text("06:00", "9999-12-31T23:59:00+00:00")
    ).map(_json)
    | st.sampled_from([100, 10_000, 700_000, 1_900_000]).map(lambda size: b"1" * size)
    | st.sampled_from([10_000, 600_000]).map(lambda size: b"[" + b"[]," * size + b"[]]")
    | st.sampled_from([1_000, 1_800_000]).map(lambda size: _json({"by": "x" * size}))
)
PAYLOAD = st.builds(
    lambda like, data: Payload(metadata=dict(like.metadata), data=data),
    st.sampled_from(list(raw.ODD.values()))
    | st.just(raw.payload(b"", encoding=b"json/plain"))
    | st.binary(max_size=20).map(lambda encoding: raw.payload(b"", encoding=encoding)),
    DATA,
)
PAYLOADS = st.lists(PAYLOAD | st.sampled_from(list(raw.ODD.values())), max_size=3)
SENT = (
    st.builds(Sent, st.sampled_from(["signal", "update"]), st.sampled_from(WORDS), PAYLOADS)
    | st.builds(Sent, st.just("query"), st.just("status"), PAYLOADS)
    | st.builds(Sent, st.just("start"), st.sampled_from(TYPES), PAYLOADS)
    | st.builds(Sent, st.just("signal"), st.text(min_size=1, max_size=50), PAYLOADS)
)
PLAYS = st.tuples(st.lists(SENT, min_size=40 if SECONDS else 5, max_size=80), PAYLOADS)


async def send(case: Case, sent: Sent) -> str | None:
    """The id of the workflow that it started. What Temporal itself refuses is not counted."""
    workflow_id = None
    try:
        if sent.how == "start":
            workflow_id = f"fuzz-{uuid.uuid4()}"
            await raw.start(case.client, sent.name, workflow_id, case.task_queue, *sent.payloads)
        else:
            act: Any = getattr(raw, sent.how)
            await act(case.client, case.lock, sent.name, *sent.payloads)
    except RPCError as error:
        if error.status is RPCStatusCode.DEADLINE_EXCEEDED:
            raise
        return None
    COUNTED[PLURAL[sent.how]] += 1
    return workflow_id


async def is_refused(case: Case, workflow_id: str) -> None:
    try:
        result = case.client.get_workflow_handle(workflow_id).result()
        await asyncio.wait_for(result, PATIENCE)
    except WorkflowFailureError as error:
        kind = getattr(error.cause, "type", "")
        if kind != REFUSED:
            COUNTED[CRASHES] += 1
            raise
    except TimeoutError:
        COUNTED[WEDGES] += 1
        raise


async def play(case: Case, sent: list[Sent], abort: list[Payload]) -> None:
    handle = await case.release()
    await case.until_waiting()
    try:
        started = await asyncio.gather(*(send(case, each) for each in sent))
        await handle.query("status", rpc_timeout=raw.LIMIT)
        await send_abort(case, abort)
        error = await failure(handle)
    except Exception:
        COUNTED[WEDGES] += 1
        raise
    assert error
    assert error.type == ROLLED_BACK
    await has_no_failed_task(handle)
    await asyncio.gather(*(is_refused(case, workflow_id) for workflow_id in started if workflow_id))


async def send_abort(case: Case, payloads: list[Payload]) -> None:
    """Temporal tells the sender where the payloads are too large."""
    COUNTED["aborts"] += 1
    try:
        await raw.signal(case.client, case.lock, ABORT, *payloads)
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
        await raw.signal(case.client, case.lock, ABORT)


async def has_no_failed_task(handle: Handle) -> None:
    """Our code failed none. Temporal fails a task by itself where messages come meanwhile."""
    async for event in handle.fetch_history_events():
        if event.HasField("workflow_task_failed_event_attributes"):
            failed = event.workflow_task_failed_event_attributes
            cause = WorkflowTaskFailedCause.Name(failed.cause)
            if not cause.endswith(("_UNHANDLED_COMMAND", "_FORCE_CLOSE_COMMAND")):
                COUNTED[CRASHES] += 1
                raise AssertionError(f"{cause}: {failed.failure.message}")


@pytest.mark.timeout(7_200)
async def test_whatever_is_sent_a_release_says_how_it_is_and_obeys_an_abort(
    make_case: MakeCase,
) -> None:
    case = await make_case(
        approval=True,
        timeouts={"approval": 3_600},
        cutover=FROZEN,
        load_balancer=STRATEGIES["weighted"],
    )
    loop = asyncio.get_running_loop()
    # Raised here: Hypothesis would print its example, which has many megabytes.
    failed: list[BaseException] = []

    def check(value: tuple[list[Sent], list[Payload]]) -> None:
        if not failed:
            run = asyncio.run_coroutine_threadsafe(play(case, *value), loop)
            failed.extend(filter(None, [run.exception()]))

    await asyncio.to_thread(look, check, PLAYS, few=3, share=0.6)

    for error in failed:
        raise error
    assert COUNTED["aborts"]
    assert not COUNTED[WEDGES] + COUNTED[CRASHES]
