"""Fleets scale and groups vanish during a release, and a freeze holds its cutover."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.workflows.account import Account
from tests.workflows.case import rolled_back
from tests.workflows.conftest import MakeCase


async def test_a_green_that_scales_out_while_it_is_watched_is_no_worse_for_it(
    make_case: MakeCase,
) -> None:
    """Scale-out stays on, for the load may double just then."""
    case = await make_case(timeouts={"soak": 0.2})
    handle = await case.release()
    await case.until(lambda status: status["phase"] == "watching")
    case.group("v2").desired = 4

    await handle.result()

    assert case.group("v2").desired == len(case.group("v2").machines) == 4


async def test_a_blue_that_is_scaled_in_changes_nothing_about_green(make_case: MakeCase) -> None:
    """Green stays as large as it was when it was verified."""
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    blue = case.group("v1").name

    def scale_in(account: Account) -> None:
        account.groups[blue].min = account.groups[blue].desired = 1

    case.world.somebody(scale_in)
    case.settle()
    await case.says("approve_cutover")

    await handle.result()

    assert case.group("v2").desired == len(case.group("v2").machines) == 2
    assert case.group("v1").desired == 0


async def test_a_green_that_somebody_deletes_is_rolled_back(make_case: MakeCase) -> None:
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    green = case.group("v2").name
    case.world.somebody(lambda account: account.groups.pop(green, None))

    await case.says("approve_cutover")

    await rolled_back(handle, "somebody deleted it")
    assert [group.min for group in case.account.groups.values()] == [1]


async def test_a_freeze_holds_the_cutover_and_an_urgent_release_does_not_wait(
    make_case: MakeCase,
) -> None:
    """With the strategy attach, green gets requests once it is attached: it waits before that."""
    begin, end = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    freeze = {"begin": begin.isoformat(), "end": end.isoformat()}
    case = await make_case(cutover={"freezes": [freeze]})
    handle = await case.release()
    await case.until(lambda status: "the cutover may begin at" in str(status["bullets"]))
    assert not case.world.named("attach")
    await case.says("abort_and_roll_back")
    await rolled_back(handle, "aborted by")

    assert (await (await case.release(urgent=True)).result())["tag"] == "v2"
