"""What was red before a rollback does not judge it; what begins to be red does."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import REFUSED, ROLLED_BACK, HookRefused, NotReady
from domain.watch import Counted
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import Case, failure, rolled_back
from tests.workflows.conftest import MakeCase

ALARM = "too-many-errors"
WATCH = {"alarms": [ALARM], "error_rate": 0.05, "requests": 50}
HOOK = {"name": "budget", "when": "pre_cutover", "url": "https://example.com/", "timeout": 20}
SOAK = {"soak": 0.05}
GOOD, BAD = Counted(requests=1_000), Counted(requests=1_000, errors=300)


async def watched(make_case: MakeCase, strategy: str = "attach", **more: Any) -> Case:
    """v1 serves and is fine, and what was before it is parked."""
    case = await make_case(
        parked=["v0"],
        load_balancer=STRATEGIES[strategy],
        timeouts=SOAK,
        **{"watch": WATCH, "hooks": (HOOK,)} | more,
    )
    case.world.alarms = {ALARM: "OK"}
    case.world.counted = dict.fromkeys(case.world.arns, GOOD)
    return case


def makes_red(case: Case, what: str) -> None:
    if what == "ringing":
        case.world.alarms[ALARM] = "ALARM"
    elif what == "missing":
        case.world.alarms.clear()
    elif what == "breached":
        case.world.counted = dict.fromkeys(case.world.arns, BAD)
    elif what == "unreadable":
        case.world.refuse("read_watch")
    else:
        no = HookRefused("says no (409): the error budget is spent")
        down = NotReady("cannot be reached: Connection refused")
        case.world.hook_answers["budget"] = no if what == "refusing" else down


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("what", ["ringing", "missing", "breached", "refusing", "down"])
async def test_what_was_red_before_does_not_judge_the_rollback(
    make_case: MakeCase, strategy: str, what: str
) -> None:
    case = await watched(make_case, strategy)
    makes_red(case, what)

    result = await (await case.rollback()).result()

    notes = " ".join(result["notes"])
    assert result["tag"] == "v0"
    words = {
        "ringing": f"it was red before the rollback, and does not judge it: the alarm {ALARM}",
        "missing": f"it was red before the rollback, and does not judge it: the alarm {ALARM}",
        "breached": "it was red before the rollback, and does not judge it: the error rate",
        "refusing": "hook budget: it does not judge a rollback: says no (409)",
        "down": "hook budget: it does not judge a rollback: cannot be reached",
    }
    assert words[what] in notes


@pytest.mark.parametrize("what", ["ringing", "missing", "breached", "refusing", "unreadable"])
async def test_all_of_that_judges_a_release(make_case: MakeCase, what: str) -> None:
    case = await watched(make_case)
    makes_red(case, what)

    error = await failure(await case.release())

    assert error
    assert error.type == ROLLED_BACK


async def test_a_rollback_goes_on_where_nothing_can_be_read(make_case: MakeCase) -> None:
    case = await watched(make_case)
    makes_red(case, "unreadable")

    notes = (await (await case.rollback()).result())["notes"]

    assert len([n for n in notes if "cannot be read, and do not judge it: AWS refused" in n]) == 1


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_an_alarm_that_begins_to_ring_ends_the_rollback(
    make_case: MakeCase, strategy: str
) -> None:
    """At the third look: the first is before anything is woken, the second before the cutover."""
    case = await watched(make_case, strategy)
    case.world.at("read_watch", lambda: makes_red(case, "ringing"), 3)

    await rolled_back(await case.rollback(), f"the alarm {ALARM} is in ALARM")


async def test_an_alarm_that_was_silent_once_and_rings_again_ends_it(make_case: MakeCase) -> None:
    case = await watched(make_case)
    makes_red(case, "ringing")
    case.world.at("read_watch", lambda: case.world.alarms.update({ALARM: "OK"}), 2)
    case.world.at("read_watch", lambda: makes_red(case, "ringing"), 3)

    await rolled_back(await case.rollback(), f"the alarm {ALARM} is in ALARM")


async def test_what_begins_to_ring_before_green_has_any_traffic_is_not_its_doing(
    make_case: MakeCase,
) -> None:
    case = await watched(make_case, "weighted")
    case.world.at("read_watch", lambda: makes_red(case, "ringing"), 2)

    result = await (await case.rollback()).result()

    assert f"does not judge it: the alarm {ALARM}" in " ".join(result["notes"])


@pytest.mark.parametrize("kind", ["release", "rollback"])
async def test_a_person_may_go_on_in_spite_of_an_alarm_by_name(
    make_case: MakeCase, kind: str
) -> None:
    """Whenever it begins to ring; what they said is recorded."""
    case = await watched(make_case)
    case.world.at("read_watch", lambda: makes_red(case, "ringing"), 2)

    handle = await getattr(case, kind)(despite=[ALARM])

    assert f"despite the alarm {ALARM}: so said tests" in (await handle.result())["notes"]


@pytest.mark.parametrize("kind", ["release", "rollback"])
async def test_an_alarm_that_the_stack_does_not_watch_is_refused_by_name(
    make_case: MakeCase, kind: str
) -> None:
    case = await watched(make_case)

    error = await failure(await getattr(case, kind)(despite=["too-many-erors"]))

    assert error
    assert error.type == REFUSED
    assert "watches no alarm too-many-erors" in error.message
    assert f"it watches {ALARM}" in error.message
