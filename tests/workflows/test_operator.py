"""What operators say is obeyed, or refused with the reason. An abort restores what served."""

from __future__ import annotations

import pytest

from domain import names
from tests.workflows.blueprint import STRATEGIES, commit
from tests.workflows.case import Case, refusal, rolled_back
from tests.workflows.conftest import MakeCase

CPU = ({"metric": "cpu", "target": 50},)


def has_left(case: Case) -> bool:
    """Is blue out of the balancer? In this account the next look finds it drained."""
    return not case.group("v1").target_groups


@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("join_bake", 1),
        ("ensure_launch_template", 1),
        ("pin_minimum", 1),
        ("ensure_group", 1),
        ("put_policies", 1),
        ("attach", 1),
        ("observe", 2),
        ("detach", 1),
    ],
)
async def test_an_abort_at_each_sentence_restores_blue(
    make_case: MakeCase, call: str, number: int
) -> None:
    case = await make_case(scaling=CPU)
    tag = "v3" if call == "join_bake" else "v2"
    case.world.commits["v3"] = commit("v3")
    case.world.at(call, lambda: case.says("abort_and_roll_back", reason="enough"), number)

    await rolled_back(await case.release(tag), "aborted by an operator: enough")


@pytest.mark.parametrize("percent", [1, 100])
async def test_an_abort_between_two_weights_gives_blue_all_of_the_traffic(
    make_case: MakeCase, percent: int
) -> None:
    case = await make_case(load_balancer=STRATEGIES["weighted"])
    number = list(case.stack.load_balancer.steps).index(percent) + 1
    case.world.at("shift_weights", lambda: case.says("abort_and_roll_back"), number)

    await rolled_back(await case.release(), "aborted by an operator")

    (rule,) = case.account.rules.values()
    assert rule.weights == {case.world.arns[0]: 100, case.world.arns[1]: 0}


async def test_an_abort_while_blue_drains_attaches_it_again(make_case: MakeCase) -> None:
    case = await make_case()
    case.world.when(
        "observe",
        lambda: bool(case.world.named("detach")),
        lambda: case.says("abort_and_roll_back"),
    )

    await rolled_back(await case.release(), "aborted by an operator")


async def test_a_pause_at_the_last_look_holds_before_the_parking_and_an_abort_is_obeyed(
    make_case: MakeCase,
) -> None:
    """The look that finds blue drained is the last call before the point of no return."""
    case = await make_case()
    case.world.when("observe", lambda: has_left(case), lambda: case.says("pause"))

    handle = await case.release()
    await case.until(lambda status: status["paused"] and status["phase"] == "draining")
    assert case.world.looks_after("detach") == 1

    assert await case.says("abort_and_roll_back") == "aborted: what served before is restored"
    await rolled_back(handle, "aborted by an operator")
    assert not case.world.named("move_schedule")
    assert (
        case.world.named("mark")[-1].request.tags[case.group("v1").name][names.STATE] == "serving"
    )


async def test_behind_the_point_of_no_return_an_abort_is_refused_with_the_reason(
    make_case: MakeCase,
) -> None:
    case = await make_case()
    said: list[str] = []

    async def ask() -> None:
        said.append(await refusal(case, "abort_and_roll_back"))
        said.append(await refusal(case, "pause"))
        await case.client.get_workflow_handle(case.lock).cancel(reason="too late")

    case.world.at("move_schedule", ask)
    notes = (await (await case.release()).result())["notes"]

    assert any("had no effect" in note for note in notes)
    assert all("the point of no return has passed" in words for words in said)
    assert len(said) == 2


async def test_a_cancel_rolls_back_like_an_abort(make_case: MakeCase) -> None:
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()

    await handle.cancel(reason="wrong tag")

    await rolled_back(handle, "cancelled: wrong tag")


async def test_a_pause_stops_before_the_next_call_and_resume_goes_on(make_case: MakeCase) -> None:
    case = await make_case()
    case.world.at("ensure_group", lambda: case.says("pause", reason="look first"))
    handle = await case.release()
    paused = await case.until(lambda status: bool(status["paused"]))
    assert paused["paused"]["reason"] == "look first"
    assert "it is paused already" in await refusal(case, "pause")
    assert case.world.names()[-1] == "ensure_group"

    assert await case.says("resume") == "resumed"

    await handle.result()


async def test_a_word_that_nobody_understands_is_kept_and_stops_nothing(
    make_case: MakeCase,
) -> None:
    case = await make_case()
    case.world.at("attach", lambda: case.client.get_workflow_handle(case.lock).signal("resume", 5))

    notes = (await (await case.release()).result())["notes"]

    assert "not understood" in notes[0]


async def test_blue_stays_hot_until_it_is_parked_by_word(make_case: MakeCase) -> None:
    case = await make_case(
        load_balancer=STRATEGIES["weighted"], timeouts={"hot": 20, "poll": 0.2, "soak": 0}
    )
    refused: list[str] = []

    async def too_early() -> None:
        refused.append(await refusal(case, "park_now"))

    case.world.at("attach", too_early)
    handle = await case.release()
    await case.until(lambda status: any("stays as large" in b["note"] for b in status["bullets"]))
    assert "not being kept" in refused[0]
    assert await case.says("extend") == "extended"
    assert case.group("v1").desired == 2

    await case.says("park_now")

    await handle.result()
