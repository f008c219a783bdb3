"""Who serves is marked, and seen to be marked, while there is still a way back."""

from __future__ import annotations

import pytest

from domain import names
from domain.errors import DIRTY, REFUSED
from domain.limits import OF_A_GROUP
from domain.models import State
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import Case, failure, rolled_back
from tests.workflows.conftest import MakeCase


def state(case: Case, tag: str) -> str:
    return case.group(tag).tags.get(names.STATE, "")


def fill(case: Case, tag: str, most: int = names.TAGS_LIMIT) -> None:
    """Others put tags on the group until AWS takes no more."""
    tags = case.group(tag).tags
    tags |= {f"cost-{number}": "x" for number in range(most - len(tags))}


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_release_whose_mark_aws_refuses_has_not_cut_over(
    make_case: MakeCase, strategy: str
) -> None:
    case = await make_case(load_balancer=STRATEGIES[strategy])
    case.world.refuse("mark", "LimitExceeded: too many tags")

    await rolled_back(await case.release(), "LimitExceeded")

    # What AWS refuses on the way forward is not asked of it again on the way back.
    assert len(case.world.named("mark")) == 1


async def test_a_mark_that_somebody_takes_off_at_once_is_no_mark(make_case: MakeCase) -> None:
    case = await make_case()
    case.world.when(
        "observe",
        lambda: state(case, "v2") == State.SERVING,
        lambda: case.group("v2").tags.pop(names.STATE),
    )

    await rolled_back(await case.release(), "does not show")


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_an_abort_right_after_the_mark_marks_blue_again(
    make_case: MakeCase, strategy: str
) -> None:
    case = await make_case(load_balancer=STRATEGIES[strategy])
    case.world.when(
        "observe",
        lambda: state(case, "v2") == State.SERVING,
        lambda: case.says("abort_and_roll_back"),
    )

    await rolled_back(await case.release(), "aborted")

    assert state(case, "v1") == State.SERVING


async def test_an_abort_right_after_the_mark_parks_what_was_woken(make_case: MakeCase) -> None:
    case = await make_case(parked=["v0"])
    case.world.at("mark", lambda: case.says("abort_and_roll_back"), number=2)

    await rolled_back(await case.rollback(), "aborted")

    assert state(case, "v0") == State.PARKED


async def test_where_blue_cannot_come_back_the_mark_goes_on_saying_that_green_serves(
    make_case: MakeCase,
) -> None:
    """Or a sweep would believe that green never served, and remove what gives every answer."""
    case = await make_case(timeouts={"way_back": 1})

    async def no_way() -> None:
        case.world.refuse("attach")
        await case.says("abort_and_roll_back")

    case.world.when("observe", lambda: state(case, "v2") == State.SERVING, no_way)

    error = await failure(await case.release())

    assert error
    assert error.type == DIRTY
    assert (state(case, "v2"), state(case, "v1")) == (State.SERVING, State.PARKED)
    assert any("create-or-update-tags" in left["by_hand"] for left in error.details[0]["left"])


async def test_tags_that_others_add_while_it_runs_take_no_room_from_the_marks(
    make_case: MakeCase,
) -> None:
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    for tag in ("v1", "v2"):
        fill(case, tag)

    await case.says("approve_cutover")

    await handle.result()
    assert (state(case, "v2"), state(case, "v1")) == (State.SERVING, State.PARKED)


async def test_a_blue_without_room_for_the_marks_is_refused_before_anything_is_made(
    make_case: MakeCase,
) -> None:
    case = await make_case()
    fill(case, "v1")

    error = await failure(await case.release())

    assert error
    assert error.type == REFUSED
    assert "delete 5 of the others" in error.message


async def test_a_group_without_room_for_the_marks_is_not_adopted(make_case: MakeCase) -> None:
    case = await make_case()
    group = case.group("v1")
    group.tags = {f"cost-{number}": "x" for number in range(40)}

    error = await failure(await case.start("AdoptWorkflow", group=group.name, tag="v1"))

    assert error
    assert error.type == REFUSED
    assert "AWS allows 50 a group" in error.message


async def test_a_stacks_file_leaves_room_for_every_tag_that_a_group_gets(
    make_case: MakeCase,
) -> None:
    case = await make_case()
    by_hand = case.group("v1")
    by_hand.tags = {}
    request = {"group": by_hand.name, "tag": "v1", "requested_by": "tests"}
    await (await case.start("AdoptWorkflow", **request)).result()
    adopted = set(by_hand.tags)

    await (await case.release(contraction=True)).result()

    assert adopted | case.group("v2").tags.keys() | by_hand.tags.keys() == OF_A_GROUP


@pytest.mark.parametrize("refused", ["move_schedule", "resume_az_rebalance", "empty_group"])
async def test_what_aws_refuses_after_the_mark_is_noted_and_keeps_nothing_else(
    make_case: MakeCase, refused: str
) -> None:
    case = await make_case()
    case.group("v1").schedule = ["nights"]
    case.world.at("detach", lambda: setattr(case.group("v1").machines[0], "protected", True))
    case.world.refuse(refused, "ValidationError: no")
    handle = await case.release()
    result = await handle.result()
    case.runs.clear()

    green, blue = case.group("v2"), case.group("v1")
    case.settle()
    assert (state(case, "v2"), state(case, "v1")) == (State.SERVING, State.PARKED)
    assert (green.min, blue.min, blue.desired, blue.max) == (1, 0, 0, 0)
    assert any("could not" in note and "ValidationError" in note for note in result["notes"])
    suspended = "AZRebalance" in green.suspended
    assert suspended == bool(green.tags[names.RESTORE_REBALANCE]) == (refused[0] == "r")


async def test_a_size_that_is_raised_while_blue_is_parked_is_set_to_zero_again_and_said(
    make_case: MakeCase,
) -> None:
    case = await make_case()

    def at_night() -> None:
        blue = case.group("v1")
        blue.min, blue.desired, blue.max = 1, 1, 3

    case.world.when(
        "observe_parking", lambda: case.group("v1").max == 0 < len(case.account.groups), at_night
    )

    result = await (await case.release()).result()

    assert any("was set to 1/1/3" in note for note in result["notes"])
    assert case.group("v1").desired == 0
