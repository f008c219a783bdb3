"""A release with each strategy, to its good end or to a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from activities.rules import ShiftWeights
from domain import names
from domain.errors import REFUSED
from domain.models import State
from tests.workflows.blueprint import STRATEGIES, commit
from tests.workflows.case import Case, failure
from tests.workflows.conftest import MakeCase


def weights(case: Case) -> list[int]:
    """Percent of the target group that green joins, in the order in which they were set."""
    asked: list[ShiftWeights] = [call.request for call in case.world.named("shift_weights")]
    return [request.percent for request in asked if request.percent != request.reached]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_release_takes_over_from_blue(make_case: MakeCase, strategy: str) -> None:
    case = await make_case(
        load_balancer=STRATEGIES[strategy], scaling=({"metric": "cpu", "target": 50},)
    )
    case.group("v1").desired = 3
    case.group("v1").schedule = ["nights"]
    case.settle()

    result = await (await case.release()).result()

    green, calls = case.group("v2"), case.world.names()
    assert result | {"deployment": green.name, "parked": case.group("v1").name} == result
    assert (green.min, green.desired, green.policies) == (1, 3, ["cpu"])
    assert sorted(calls.index(name) for name in ("ensure_group", "attach", "detach", "mark")) == [
        calls.index(name) for name in ("ensure_group", "attach", "detach", "mark")
    ]
    assert weights(case) == ([1, 10, 50, 100] if strategy == "weighted" else [])


async def test_a_first_deployment_is_as_large_as_the_stack_says(make_case: MakeCase) -> None:
    case = await make_case(blue=None, capacity={"desired": 3})

    result = await (await case.release()).result()

    assert result["parked"] is None
    assert case.world.capacity() == case.group("v2").desired == 3
    assert not {"pin_minimum", "detach"} & set(case.world.names())


async def test_a_first_deployment_gets_the_traffic_of_a_weighted_stack(make_case: MakeCase) -> None:
    case = await make_case(blue=None, load_balancer=STRATEGIES["weighted"])

    await (await case.release()).result()

    assert case.group("v2").target_groups == [case.world.arns[0]]


async def test_a_launch_configuration_where_the_stack_says_so(make_case: MakeCase) -> None:
    case = await make_case(launch="configuration")

    await (await case.release()).result()

    assert case.account.configurations == {case.group("v2").name: "ami-v2"}


async def test_a_tag_without_an_image_is_baked_once(make_case: MakeCase) -> None:
    case = await make_case()
    case.world.commits["v3"] = commit("v3")

    result = await (await case.release("v3")).result()

    assert case.account.images[result["image"]].commit == commit("v3")
    assert case.account.images[result["image"]].protection == "ours"
    assert (case.account.builders, case.account.security_groups) == ({}, {})


async def test_a_bake_that_fails_leaves_nothing(make_case: MakeCase) -> None:
    case = await make_case()
    case.world.commits["v3"] = commit("v3")
    case.world.refuse("ensure_image", "SnapshotLimitExceeded: 100 of 100")

    error = await failure(await case.release("v3"))

    assert error
    assert "100 of 100" in error.message
    assert (case.account.builders, case.account.security_groups) == ({}, {})


async def test_what_protects_and_warms_blue_goes_to_green_or_ends(make_case: MakeCase) -> None:
    case = await make_case(capacity={"warm_pool": {"min": 1}})
    blue = case.group("v1")
    blue.warm_pool = case.stack.capacity.warm_pool
    for machine in blue.machines:
        machine.protected = True

    await (await case.release()).result()

    assert (case.group("v2").warm_pool, blue.warm_pool) == (case.stack.capacity.warm_pool, None)


async def test_a_call_that_fails_for_a_while_or_loses_its_reply_changes_nothing(
    make_case: MakeCase,
) -> None:
    case = await make_case()
    case.world.fail("observe")
    case.world.lose_reply("ensure_group")
    case.world.lose_reply("detach")

    await (await case.release()).result()

    assert len(case.account.groups) == 2


@pytest.mark.parametrize("wrong", ["tag", "serving", "problems", "two claim it", "elsewhere"])
async def test_a_refused_release_has_changed_nothing(make_case: MakeCase, wrong: str) -> None:
    case = await make_case(parked=["v0"])
    words, tag = wrong, "v2"
    if wrong == "tag":
        tag = words = "v9"
    elif wrong == "serving":
        tag, words = "v1", "serves"
    elif wrong == "problems":
        case.world.problems = ("no address is free", "the quota is used up")
        words = "no address is free; the quota is used up"
    elif wrong == "two claim it":
        case.group("v0").tags[names.STATE] = State.SERVING
        words = f"2 groups claim to serve {case.stack.name}: {case.group('v0').name}"
    else:
        case.group("v1").target_groups.append("arn:elsewhere")

    error = await failure(await case.release(tag))

    assert error
    assert error.type == REFUSED
    assert words in error.message
    assert not {"pin_minimum", "ensure_launch_template"} & set(case.world.names())


@pytest.mark.parametrize(("more", "words"), [({"tag": ""}, "tag"), ({"colour": "red"}, "colour")])
async def test_a_request_that_makes_no_sense_is_refused_by_what_is_wrong_in_it(
    make_case: MakeCase, more: dict[str, str], words: str
) -> None:
    case = await make_case()

    error = await failure(await case.release(**more))

    assert error
    assert error.type == REFUSED
    assert words in error.message
    assert (await case.status())["phase"] == "refused"


@pytest.mark.parametrize("values", [[], ["production"], [{"stack": "x", "tag": "y"}, 5], [None]])
async def test_input_that_cannot_be_understood_ends_and_does_not_hold_the_lock(
    make_case: MakeCase, values: list[Any]
) -> None:
    case = await make_case()

    handle = await case.client.start_workflow(
        "ReleaseWorkflow", args=values, id=case.lock, task_queue=case.task_queue
    )

    error = await failure(handle)
    assert error
    assert error.type == REFUSED


async def test_a_workflow_id_that_is_not_the_stacks_lock_is_refused(make_case: MakeCase) -> None:
    case = await make_case()

    handle = await case.start("ReleaseWorkflow", workflow_id=f"my-{case.lock}", tag="v2")

    error = await failure(handle)
    assert error
    assert error.type == REFUSED
    assert case.lock in error.message
