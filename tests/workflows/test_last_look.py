"""Others change rules and groups meanwhile: nothing leaves unless what stays is seen to serve."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain.errors import DIRTY, ROLLED_BACK
from domain.traffic import Rule
from tests.workflows.account import Account, ScalingGroup
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import Case, failure, rolled_back
from tests.workflows.conftest import MakeCase

WEIGHTED = STRATEGIES["weighted"]
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES)


def blue(account: Account) -> ScalingGroup:
    return next(group for group in account.groups.values() if group.name.endswith("-v1"))


def is_out(case: Case) -> bool:
    return not blue(case.account).target_groups


def set_rule(case: Case, *weights: int, arn: str = "arn:rule/1") -> None:
    """By another hand: of the first target group, the second one, and a third one."""
    named = dict(zip((*case.world.arns, "arn:third"), weights, strict=False))
    known = case.account.rules.get(arn, Rule(arn=arn, listener="l", default=False, weights={}))
    case.account.rules[arn] = known.model_copy(update={"weights": named})


def weights(case: Case, arn: str = "arn:rule/1") -> tuple[int, ...]:
    return tuple(case.account.rules[arn].weights.values())


def at_percent(case: Case, percent: int, action: Callable[[], object]) -> None:
    """Before the look after that step."""
    case.world.when("observe", lambda: weights(case)[1] == percent, action)


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
    assert "no rule forwards to the two target groups any more" in status["paused"]["reason"]
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
    assert any("somebody changed the rules" in note for note in result["notes"])


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

    (returned,) = case.world.named("return_weights")
    assert case.world.named("remove_group")[0].at - returned.at >= 0.6


@every_strategy
async def test_an_empty_blue_is_not_restored(make_case: MakeCase, strategy: str) -> None:
    """While it is hot, somebody sets it to zero; then green turns out bad."""
    case = await make_case(load_balancer=STRATEGIES[strategy], timeouts={"soak": 30})

    async def office_hours() -> None:
        group = blue(case.account)
        group.min = group.max = group.desired = 0
        case.settle()
        case.world.needed = case.world.capacity()
        await case.says("abort_and_roll_back")

    soaks = "100 %" if strategy == "weighted" else ""
    ready = lambda: weights(case)[1] == 100 if soaks else is_out(case)  # noqa: E731
    case.world.when("observe", ready, office_hours)

    error = await failure(await case.release())

    assert error
    assert error.type == ROLLED_BACK
    assert blue(case.account).desired == 2
    assert case.world.capacity() == 2


async def test_green_stays_where_an_empty_blue_cannot_come_back(make_case: MakeCase) -> None:
    case = await make_case(approval=True, timeouts={"way_back": 0.3, "healthy": 0.1})
    handle = await case.release()
    await case.until_waiting()
    group = blue(case.account)
    group.desired = 0
    group.suspended.add("Launch")
    case.settle()
    case.world.needed = 2

    await case.says("abort_and_roll_back")

    error = await failure(handle)
    assert error
    assert error.type == DIRTY
    assert "v2 still answers: v2 answers with 2 healthy" in error.message
    assert case.world.capacity() == 2


@every_strategy
async def test_as_good_as_it_was_is_enough(make_case: MakeCase, strategy: str) -> None:
    """One of three is ill before the release."""
    case = await make_case(load_balancer=STRATEGIES[strategy], timeouts={"soak": 30})
    group = blue(case.account)
    group.desired = 3
    case.settle()
    group.machines[0].fit = False
    case.settle()
    ready = lambda: weights(case)[1] == 100 if case.account.rules else is_out(case)  # noqa: E731
    case.world.when("observe", ready, lambda: case.says("abort_and_roll_back"))

    await rolled_back(await case.release(), "aborted")


async def test_a_blue_that_somebody_attaches_again_leaves_again(make_case: MakeCase) -> None:
    case = await make_case()
    looks: list[int] = []

    def an_apply() -> None:
        looks.append(1)
        blue(case.account).target_groups = list(case.world.arns)

    case.world.when("observe", lambda: is_out(case), an_apply)

    result = await (await case.release()).result()

    assert looks == [1]
    assert any("to the load balancer again" in note for note in result["notes"])


async def test_a_drain_that_takes_longer_by_now_is_waited_for(make_case: MakeCase) -> None:
    case = await make_case(timeouts={"drain": 0.05}, approval=True)
    handle = await case.release()
    await case.until_waiting()
    case.world.delays = dict.fromkeys(case.world.arns, 30)
    account = case.account
    held = 8

    def slowly() -> None:
        if case.world.looks_after("detach") < held:
            for machine in blue(account).machines:
                account.targets[case.world.arns[0]][machine.id] = "draining"

    for _ in range(held):
        case.world.when("observe", lambda: is_out(case), slowly)
    await case.says("approve_cutover")

    result = await handle.result()

    assert any("drains for 30 s by now" in note for note in result["notes"])


async def test_a_release_that_somebody_else_undoes_is_not_called_completed(
    make_case: MakeCase,
) -> None:
    """The outcome says who answers, not what was intended."""
    case = await make_case(load_balancer=WEIGHTED)

    def an_apply() -> None:
        case.world.needed = 0
        set_rule(case, 100, 0)

    case.world.when("observe", lambda: not blue(case.account).machines, an_apply)

    error = await failure(await case.release())

    assert error
    assert error.type == DIRTY
    assert "v2 does not answer every request: nobody answers" in error.message
    assert (await case.status())["phase"] == "dirty"


async def test_what_green_would_take_away_is_seen_first_also_before_the_cutover(
    make_case: MakeCase,
) -> None:
    """Both serve with attach until the approval: somebody takes blue out, and then aborts."""
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    case.account.detach(blue(case.account), case.world.arns)
    case.settle()
    case.world.needed = 2

    await case.says("abort_and_roll_back")

    await rolled_back(handle, "aborted")
    assert case.world.named("attach")[-1].at < case.world.named("remove_group")[0].at
