"""What alarms and metrics say of the new version, and how its traffic grows by it."""

from __future__ import annotations

import pytest

from domain.errors import ROLLED_BACK, HookRefused
from domain.traffic import Rule
from domain.watch import Counted
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import Case, failure
from tests.workflows.conftest import MakeCase

WEIGHTED = STRATEGIES["weighted"]
STICKY = 0.6
SOAK = {"soak": 0.01}


def shares(case: Case) -> list[int]:
    asked = [call.request for call in case.world.named("shift_weights")]
    return [request.percent for request in asked if request.percent != request.reached]


async def test_clients_that_stay_with_blue_are_waited_for_before_it_leaves(
    make_case: MakeCase,
) -> None:
    case = await make_case(load_balancer=WEIGHTED | {"stickiness": "wait"}, sticky=STICKY)

    await (await case.release()).result()

    (left,) = case.world.named("detach")
    shifts = [call for call in case.world.named("shift_weights") if call.request.reached < 100]
    assert left.at - shifts[-1].at >= STICKY


async def test_a_stickiness_that_nobody_waits_for_is_refused(make_case: MakeCase) -> None:
    case = await make_case(load_balancer=WEIGHTED, sticky=STICKY)

    error = await failure(await case.release())

    assert error
    assert "stickiness" in error.message


async def test_a_version_that_serves_errors_is_rolled_back_at_the_first_step(
    make_case: MakeCase,
) -> None:
    case = await make_case(load_balancer=WEIGHTED, watch={"error_ratio": 2, "requests": 50})
    blue, green = case.world.arns
    case.world.counted = {
        blue: Counted(requests=1_000, errors=5),
        green: Counted(requests=200, errors=60),
    }

    error = await failure(await case.release())

    assert error
    assert error.type == ROLLED_BACK
    assert "60 of 200 answers were 5xx" in error.message
    assert shares(case) == [1]
    (rule,) = case.account.rules.values()
    assert rule.weights == {blue: 100, green: 0}


async def test_an_alarm_ends_it_with_its_name(make_case: MakeCase) -> None:
    case = await make_case(watch={"alarms": ["too-many-errors"]}, timeouts=SOAK)
    case.world.alarms = {"too-many-errors": "OK"}
    case.world.at("read_watch", lambda: case.world.alarms.update({"too-many-errors": "ALARM"}), 2)

    error = await failure(await case.release())

    assert error
    assert "the alarm too-many-errors is in ALARM" in error.message


async def test_what_is_wrong_before_the_cutover_moves_no_traffic(make_case: MakeCase) -> None:
    case = await make_case(watch={"alarms": ["too-many-errors"]})
    case.world.alarms = {"too-many-errors": "ALARM"}

    error = await failure(await case.release())

    assert error
    assert error.type == ROLLED_BACK
    assert not case.world.named("detach")


@pytest.mark.parametrize("then", ["ask", "go_on"])
async def test_too_few_requests_decide_nothing(make_case: MakeCase, then: str) -> None:
    case = await make_case(watch={"latency": 0.1, "when_inconclusive": then}, timeouts=SOAK)
    case.world.counted = {case.world.arns[0]: Counted(requests=3, latency=9)}
    handle = await case.release()
    if then == "ask":
        paused = await case.until(lambda status: bool(status["paused"]))
        assert paused["paused"]["by"] == "Ovenbird"
        assert "3 requests are too few" in paused["paused"]["reason"]
        await case.says("resume")

    notes = (await handle.result())["notes"]

    assert any("it went on although" in note for note in notes) is (then == "go_on")


async def test_green_is_in_the_preview_before_it_has_traffic(make_case: MakeCase) -> None:
    case = await make_case(
        load_balancer=WEIGHTED | {"preview": ["arn:rule/preview"]}, approval=True
    )
    blue, green = case.world.arns
    preview = Rule(arn="arn:rule/preview", listener="l", default=False, weights={blue: 1})
    case.account.rules[preview.arn] = preview
    handle = await case.release()
    await case.until_waiting()
    assert case.account.rules[preview.arn].weights == {green: 1}
    assert shares(case) == []

    await case.says("approve_cutover")
    await handle.result()


async def test_a_hook_that_says_no_rolls_back(make_case: MakeCase) -> None:
    hook = {"name": "smoke", "when": "pre_cutover", "url": "https://example.com/smoke"}
    case = await make_case(hooks=(hook,))
    case.world.hook_answers["smoke"] = HookRefused("the hook smoke says no (409): broken")

    error = await failure(await case.release())

    assert error
    assert "the hook smoke says no" in error.message
    assert not case.world.named("detach")


async def test_a_look_is_a_dozen_events_and_few_bytes_at_three_hundred_instances(
    make_case: MakeCase,
) -> None:
    """So a wait of a thousand looks fits into a few runs of a chain, whatever the groups' sizes."""
    case = await make_case(capacity={"min": 1, "max": 2_000}, timeouts={"soak": 3, "poll": 0.05})
    case.world.somebody(lambda account: setattr(case.group("v1"), "desired", 300))
    case.settle()

    handle = await case.release()
    await handle.result()

    looks, events, size = len(case.world.named("observe")), 0, 0
    for workflow_id, run_id in case.world.runs:
        run = case.client.get_workflow_handle(workflow_id, run_id=run_id)
        described = (await run.describe()).raw_description.workflow_execution_info
        events, size = events + described.history_length, size + described.history_size_bytes
    assert case.group("v2").desired == 300
    assert looks > 5
    assert events < 250 + 12 * looks
    # Each run of a chain begins with what the one before it knew.
    assert size < 90_000 + 30_000 * len(case.world.runs) + 4_000 * looks
