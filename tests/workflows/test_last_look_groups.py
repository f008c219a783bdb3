"""Others change the groups meanwhile: what stays is seen to serve before anything leaves."""

from __future__ import annotations

import pytest

from domain.errors import DIRTY, ROLLED_BACK
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import failure, rolled_back
from tests.workflows.conftest import MakeCase
from tests.workflows.meddling import blue, is_out, weights

every_strategy = pytest.mark.parametrize("strategy", STRATEGIES)


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
    case = await make_case(approval=True, timeouts={"way_back": 0.3})
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


async def test_a_blue_whose_instances_somebody_deregistered_is_attached_anew(
    make_case: MakeCase,
) -> None:
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    for arn in case.world.arns:
        for machine in blue(case.account).machines:
            case.account.targets[arn].pop(machine.id)
    blue(case.account).suspended.add("AddToLoadBalancer")
    case.settle()
    case.world.needed = 2
    case.world.at("detach", lambda: blue(case.account).suspended.remove("AddToLoadBalancer"))

    await case.says("abort_and_roll_back")

    await rolled_back(handle, "aborted")
    assert [call.name for call in case.world.calls if call.name == "detach"] == ["detach"]


@every_strategy
async def test_what_somebody_takes_away_after_the_way_back_is_put_right_once(
    make_case: MakeCase, strategy: str
) -> None:
    case = await make_case(load_balancer=STRATEGIES[strategy], timeouts={"soak": 30})
    ready = lambda: weights(case)[1] == 100 if case.account.rules else is_out(case)  # noqa: E731
    case.world.when("observe", ready, lambda: case.says("abort_and_roll_back"))

    def office_hours() -> None:
        group = blue(case.account)
        group.min = group.max = group.desired = 0
        case.world.before.groups[group.name].min = 0
        case.settle()
        case.world.needed = 0

    case.world.at("delete_launch_template", office_hours)

    handle = await case.release()

    await rolled_back(handle, "aborted")
    assert case.world.capacity() == 2


async def test_a_blue_that_grows_between_two_weights_makes_green_grow_first(
    make_case: MakeCase,
) -> None:
    weighted = STRATEGIES["weighted"] | {"steps": [10, 100]}
    case = await make_case(load_balancer=weighted)

    def grows() -> None:
        blue(case.account).desired = 5
        case.settle()

    case.world.when("observe", lambda: weights(case)[1] == 10, grows)

    await (await case.release()).result()

    grown = next(call for call in case.world.named("resize") if call.request.desired == 5)
    shifts = [call for call in case.world.named("shift_weights") if call.request.percent == 100]
    assert grown.request.group == case.group("v2").name
    assert grown.at < shifts[0].at
