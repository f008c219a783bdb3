"""Others change the rules meanwhile: nothing leaves unless what stays is seen to serve."""

from __future__ import annotations

import pytest

from domain.errors import DIRTY, ROLLED_BACK
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import failure, rolled_back
from tests.workflows.conftest import MakeCase
from tests.workflows.meddling import at_percent, is_out, set_rule, weights

WEIGHTED = STRATEGIES["weighted"]


async def test_a_brake_that_somebody_pulls_is_asked_about(make_case: MakeCase) -> None:
    case = await make_case(load_balancer=WEIGHTED | {"steps": [10, 100]})
    at_percent(case, 10, lambda: set_rule(case, 100, 0))
    handle = await case.release()

    status = await case.until(lambda status: bool(status["paused"]))

    assert (
        "somebody changed the rules: arn:rule/1 has the weights 100 and 0"
        in (status["paused"]["reason"])
    )
    assert weights(case) == (100, 0)
    await case.says("resume")
    await handle.result()
    assert weights(case) == (0, 100)


async def test_a_brake_that_somebody_pulls_may_be_an_abort(make_case: MakeCase) -> None:
    case = await make_case(load_balancer=WEIGHTED | {"steps": [10, 100]})
    at_percent(case, 10, lambda: set_rule(case, 7, 0))
    handle = await case.release()
    await case.until(lambda status: bool(status["paused"]))
    case.world.before.rules = dict(case.account.rules)

    await case.says("abort_and_roll_back")

    await rolled_back(handle, "aborted by an operator")


async def test_a_listener_that_is_added_meanwhile_takes_part(make_case: MakeCase) -> None:
    case = await make_case(load_balancer=WEIGHTED, approval=True)
    handle = await case.release()
    await case.until_waiting()
    set_rule(case, 1, 0, arn="arn:rule/2")

    await case.says("approve_cutover")

    await handle.result()
    assert weights(case, "arn:rule/2") == (0, 1)


@pytest.mark.parametrize("ending", ["goes on", "is aborted"])
async def test_a_rule_that_is_made_anew_takes_part(make_case: MakeCase, ending: str) -> None:
    """Terraform does so when a priority changes. Each rule by itself: one that is gone is gone."""
    case = await make_case(load_balancer=WEIGHTED | {"steps": [50, 100]})
    set_rule(case, 100, 0, arn="arn:rule/2")

    async def made_anew() -> None:
        del case.account.rules["arn:rule/2"]
        set_rule(case, 100, 0, arn="arn:rule/3")
        case.world.before.rules = {
            arn: rule.model_copy(update={"weights": case.world.before.rules["arn:rule/1"].weights})
            for arn, rule in case.account.rules.items()
        }
        if ending == "is aborted":
            await case.says("abort_and_roll_back")

    at_percent(case, 50, made_anew)
    error = await failure(await case.release())

    wanted = (100, 0) if ending == "is aborted" else (0, 100)
    assert (error.type if error else None) == (ROLLED_BACK if ending == "is aborted" else None)
    assert {weights(case, arn) for arn in case.account.rules} == {wanted}


async def test_a_maintenance_page_is_said_and_waited_for(make_case: MakeCase) -> None:
    case = await make_case(load_balancer=WEIGHTED, approval=True)
    handle = await case.release()
    await case.until_waiting()
    case.world.needed = 0
    set_rule(case)

    await case.says("approve_cutover")

    status = await case.until(lambda status: bool(status["paused"]))
    assert "arn:rule/1 forwards to no target group" in status["paused"]["reason"]
    set_rule(case, 100, 0)
    await case.says("resume")
    await handle.result()
    assert weights(case) == (0, 100)


@pytest.mark.parametrize("percent", [0, 10, 100])
async def test_weights_come_back_exactly_beside_a_third_target_group(
    make_case: MakeCase, percent: int
) -> None:
    case = await make_case(load_balancer=WEIGHTED | {"steps": [10, 100]})
    set_rule(case, 1, 0, 1)
    if percent:
        aborts = lambda: case.says("abort_and_roll_back")  # noqa: E731
        part = {10: 10, 100: 1}[percent]
        at_percent(case, part, aborts)
        await rolled_back(await case.release(), "aborted")
        assert weights(case) == (1, 0, 1)
    else:
        await (await case.release()).result()
        assert weights(case) == (0, 1, 1)


async def test_weights_that_come_back_while_blue_drains_are_put_right(make_case: MakeCase) -> None:
    """Blue is out: whoever wrote them sends everybody to nobody."""
    case = await make_case(load_balancer=WEIGHTED)

    def an_apply() -> None:
        case.world.needed = 0
        set_rule(case, 100, 0)

    case.world.when("observe", lambda: is_out(case), an_apply)

    result = await (await case.release()).result()

    assert weights(case) == (0, 100)
    assert any("somebody changed" in note for note in result["notes"])


async def test_weights_that_come_back_while_blue_is_hot_are_asked_about(
    make_case: MakeCase,
) -> None:
    case = await make_case(load_balancer=WEIGHTED, timeouts={"soak": 1.3})
    at_percent(case, 100, lambda: set_rule(case, 100, 0))
    handle = await case.release()

    status = await case.until(lambda status: bool(status["paused"]))

    assert not is_out(case)
    assert "arn:rule/1 has the weights 100 and 0" in status["paused"]["reason"]
    await case.says("abort_and_roll_back")
    await rolled_back(handle, "aborted")


async def test_clients_that_stay_with_green_are_waited_for_on_the_way_back(
    make_case: MakeCase,
) -> None:
    case = await make_case(load_balancer=WEIGHTED | {"stickiness": "wait"}, sticky=0.6)
    at_percent(case, 100, lambda: case.says("abort_and_roll_back"))

    await rolled_back(await case.release(), "aborted")

    returned = next(c for c in case.world.named("return_weights") if not c.request.only_name)
    assert case.world.named("remove_group")[0].at - returned.at >= 0.6


@pytest.mark.parametrize("refused", [False, True])
async def test_the_outcome_says_who_answers_and_not_what_was_intended(
    make_case: MakeCase, refused: bool
) -> None:
    """After the cutover somebody gives blue the traffic back: nobody but green can answer."""
    case = await make_case(load_balancer=WEIGHTED, timeouts={"healthy": 3})

    def an_apply() -> None:
        case.world.needed = 0
        set_rule(case, 100, 0)
        if refused:
            case.world.refuse("return_weights")

    case.world.at("observe_parking", an_apply)
    handle = await case.release()

    error = await failure(handle)

    if refused:
        assert error
        assert error.type == DIRTY
        assert "v2 does not answer every request: nobody answers" in error.message
        assert (await case.status())["phase"] == "dirty"
    else:
        assert error is None
        assert weights(case) == (0, 100)
        notes = (await handle.result())["notes"]
        assert any("somebody changed what this run had left" in note for note in notes)
