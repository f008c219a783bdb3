"""What comes from outside is kept bounded: messages, requests, tags, and the words of others."""

from __future__ import annotations

import contextlib

import pytest
from temporalio.service import RPCError

from domain import names
from domain.errors import REFUSED
from tests.workflows import raw
from tests.workflows.case import Handle, failure, refusal, rolled_back
from tests.workflows.conftest import MakeCase

ABORT = "abort_and_roll_back"


@pytest.mark.parametrize("field", ["by", "reason", "at"])
async def test_a_message_of_megabytes_blinds_nobody(make_case: MakeCase, field: str) -> None:
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    for name in ("pause", "approve_cutover", ABORT):
        await handle.signal(name, {"by": "ann", field: "x" * 1_900_000})

    error = await failure(handle)

    assert error
    assert len(await raw.query(case.client, case.lock, "status")) < 20_000
    assert await bytes_at_the_end(handle) < 20_000


@pytest.mark.parametrize("name", ["pause", "extend", "no_such_update"])
async def test_an_update_that_is_too_large_is_refused(make_case: MakeCase, name: str) -> None:
    """Any answer of ours repeats it: Temporal would terminate the release for that."""
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    large = raw.payload(b'"' + b"x" * 1_500_000 + b'"', encoding=b"json/plain")

    with contextlib.suppress(RPCError):
        assert not await raw.update(case.client, case.lock, name, large, large)

    assert not (await case.status())["paused"]
    await case.says(ABORT)
    await rolled_back(handle, "aborted by")


async def bytes_at_the_end(handle: Handle) -> int:
    return [event.ByteSize() async for event in handle.fetch_history_events()][-1]


@pytest.mark.parametrize("field", ["reason", "requested_by"])
async def test_a_long_request_is_carried_to_its_end(make_case: MakeCase, field: str) -> None:
    case = await make_case(approval=True)
    handle = await case.start("ReleaseWorkflow", tag="v2", **{field: "x" * 60_000})
    await case.until_waiting()
    assert len(await raw.query(case.client, case.lock, "status")) < 10_000
    await case.says(ABORT)

    await rolled_back(handle, "aborted by")
    assert await bytes_at_the_end(handle) < 20_000


async def test_a_request_of_megabytes_is_refused(make_case: MakeCase) -> None:
    case = await make_case()
    handle = await case.start("ReleaseWorkflow", tag="v2", reason="x" * 700_000)

    error = await failure(handle)

    assert error
    assert error.type == REFUSED
    assert "at most 65536 bytes" in error.message
    assert await bytes_at_the_end(handle) < 20_000


async def test_the_words_of_others_are_kept_once_and_shortened(make_case: MakeCase) -> None:
    """AWS, Packer and hooks may say anything, of any length."""
    case = await make_case()
    case.world.refuse("attach", "AccessDenied: " + "x" * 300_000)
    handle = await case.release()

    error = await failure(handle)

    assert error
    assert "shortened" in error.message
    assert error.cause is None
    assert len(await raw.query(case.client, case.lock, "status")) < 40_000
    assert await bytes_at_the_end(handle) < 30_000


async def test_no_approval_names_a_moment_that_cannot_be_waited_for(make_case: MakeCase) -> None:
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    for at in ("9999-12-31T23:59:00+00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59-14:00"):
        assert at in await refusal(case, "approve_cutover", at=at)
        await handle.signal("approve_cutover", {"by": "ann", "at": at})
    assert not (await case.status())["approved"]
    await case.says(ABORT)
    await rolled_back(handle, "aborted by")


@pytest.mark.parametrize("value", ["²", "abc", "-1", "1e3", "9" * 5_000, ""])
async def test_a_tag_that_is_no_number_holds_up_no_rollback(
    make_case: MakeCase, value: str
) -> None:
    case = await make_case(parked=["v0"])
    case.group("v0").tags |= {names.RESTORE_MIN: value, names.RESTORE_MAX: value}

    assert (await (await case.rollback()).result())["tag"] == "v0"
    assert (case.group("v0").min, case.group("v0").max) == (1, 6)


async def test_nothing_is_extended_without_end(make_case: MakeCase) -> None:
    case = await make_case(timeouts={"hot": 315_360_000})
    handle = await case.release()
    await case.until(lambda status: any("stays as large" in b["note"] for b in status["bullets"]))
    for _ in range(150):
        await handle.signal("extend")

    assert "a hundred times" in await refusal(case, "extend")
    assert "year" not in (await case.status())["outcome"]
    await case.says(ABORT)
    await rolled_back(handle, "aborted by")
