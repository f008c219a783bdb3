"""What served before takes over again: woken, or launched from its image."""

from __future__ import annotations

import pytest

from domain.errors import REFUSED, ROLLED_BACK
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import failure
from tests.workflows.conftest import MakeCase


@pytest.mark.parametrize("strategy", ["attach", "classic"])
async def test_what_is_parked_is_woken_as_large_as_the_load_is_today(
    make_case: MakeCase, strategy: str
) -> None:
    case = await make_case(parked=["v0"], load_balancer=STRATEGIES[strategy])
    case.group("v1").desired = 4
    case.settle()

    result = await (await case.rollback()).result()

    woken = case.group("v0")
    assert (result["tag"], result["deployment"]) == ("v0", woken.name)
    assert (woken.min, woken.desired, woken.max) == (1, 4, 6)
    assert not {"ensure_group", "join_bake"} & set(case.world.names())


async def test_a_rollback_of_a_release_goes_back_to_where_it_came_from(
    make_case: MakeCase,
) -> None:
    case = await make_case(load_balancer=STRATEGIES["weighted"])
    await (await case.release()).result()

    result = await (await case.rollback()).result()

    assert (result["tag"], result["parked"]) == ("v1", case.group("v2").name)
    (rule,) = case.account.rules.values()
    assert rule.weights == {case.world.arns[0]: 100, case.world.arns[1]: 0}


async def test_where_the_group_is_gone_its_image_is_launched_again(
    make_case: MakeCase,
) -> None:
    case = await make_case()
    case.image("v0")

    result = await (await case.rollback(to="v0")).result()

    assert (result["tag"], result["image"]) == ("v0", "ami-v0")
    assert not case.world.named("join_bake")


@pytest.mark.parametrize("call", ["mark", "attach", "detach"])
async def test_an_abort_parks_it_again(make_case: MakeCase, call: str) -> None:
    case = await make_case(parked=["v0"])
    case.world.at(call, lambda: case.says("abort_and_roll_back"))

    error = await failure(await case.rollback())

    assert error
    assert error.type == ROLLED_BACK


async def test_a_parked_group_that_cannot_join_the_balancer_is_parked_again(
    make_case: MakeCase,
) -> None:
    case = await make_case(parked=["v0"], timeouts={"healthy": 1})
    case.group("v0").suspended.add("AddToLoadBalancer")

    error = await failure(await case.rollback())

    assert error
    assert error.type == ROLLED_BACK
    assert "somebody suspended AddToLoadBalancer" in error.message


@pytest.mark.parametrize("wrong", ["unknown", "attached"])
async def test_a_rollback_to_what_cannot_serve_is_refused(make_case: MakeCase, wrong: str) -> None:
    case = await make_case(parked=["v0"])
    words, to = "there are: v0, v2", "v9"
    if wrong == "attached":
        case.group("v0").target_groups.append(case.world.arns[0])
        words, to = "somebody attached it", "v0"

    error = await failure(await case.rollback(to=to))

    assert error
    assert error.type == REFUSED
    assert words in error.message


async def test_nobody_rolls_back_behind_a_contraction_without_force(make_case: MakeCase) -> None:
    case = await make_case()
    await (await case.release(contraction=True)).result()

    error = await failure(await case.rollback())
    assert error
    assert error.type == REFUSED
    assert "v2 took away from the database what it needs" in error.message

    assert (await (await case.rollback(force=True)).result())["tag"] == "v1"
