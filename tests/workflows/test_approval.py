"""An approval lets the traffic move: whose it is, when it counts, and when it expires."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.workflows.case import Case, refusal, rolled_back
from tests.workflows.conftest import MakeCase


def began_at(case: Case, call: str) -> datetime:
    since = time.monotonic() - case.world.named(call)[0].at
    return datetime.now(UTC) - timedelta(seconds=since)


async def test_an_approval_lets_the_traffic_move(make_case: MakeCase) -> None:
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    assert not case.world.named("detach")

    assert await case.says("approve_cutover", reason="looks good") == "approved"

    await handle.result()
    assert (await case.status())["approved"]["by"] == "an operator"


async def test_an_approval_before_the_gate_is_refused_as_an_update_and_kept_as_a_signal(
    make_case: MakeCase,
) -> None:
    case = await make_case(approval=True)
    refused: list[str] = []

    async def too_early() -> None:
        refused.append(await refusal(case, "approve_cutover"))
        refused.append(await refusal(case, "resume"))
        handle = case.client.get_workflow_handle(case.lock)
        await handle.signal("approve_cutover", args=[{"by": "bob"}, {"more": "than asked"}])

    case.world.at("ensure_group", too_early)

    notes = (await (await case.release()).result())["notes"]

    assert "not waiting for approval" in refused[0]
    assert "not paused" in refused[1]
    assert (await case.status())["approved"]["by"] == "bob"
    assert any("than asked" in note for note in notes)


async def test_an_approval_may_have_to_be_anothers(make_case: MakeCase) -> None:
    case = await make_case(approval=True, approving={"by_another": True})
    case.world.at("ensure_group", lambda: approve_by_signal(case, by="tests"))
    handle = await case.release()
    await case.until_waiting()

    for by in ("tests", "unknown"):
        assert "somebody else must approve" in await refusal(case, "approve_cutover", by=by)
    assert not (await case.status())["approved"]

    await case.says("approve_cutover", by="a colleague", reason="looks fine")
    notes = (await handle.result())["notes"]
    assert any("an approval by tests was ignored" in note for note in notes)
    assert (await case.status())["approved"]["reason"] == "looks fine"


async def approve_by_signal(case: Case, **message: str) -> None:
    await case.client.get_workflow_handle(case.lock).signal("approve_cutover", message)


async def test_an_approval_for_a_later_moment_waits_for_it(make_case: MakeCase) -> None:
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    await approve_by_signal(case, by="an operator", at="at dawn")
    later = datetime.now(UTC) + timedelta(seconds=0.5)

    await case.says("approve_cutover", at=later.isoformat())
    notes = (await handle.result())["notes"]

    assert any("an approval by an operator was ignored" in note for note in notes)
    assert (await case.status())["approved"]["not_before"] == later.isoformat()
    assert began_at(case, "detach") >= later


@pytest.mark.parametrize("then", ["roll_back", "cut_over", "keep_waiting"])
async def test_an_approval_that_expires_ends_as_the_stack_chose(
    make_case: MakeCase, then: str
) -> None:
    case = await make_case(
        approval=True, approving={"when_expired": then}, timeouts={"approval": 0.1}
    )
    handle = await case.release()
    if then == "roll_back":
        await rolled_back(handle, "nobody approved the cutover")
    elif then == "cut_over":
        assert "cut over all the same" in (await handle.result())["notes"][0]
    else:
        await case.until(
            lambda status: any("keeps waiting" in b["note"] for b in status["bullets"])
        )
        await case.says("approve_cutover")
        await handle.result()
