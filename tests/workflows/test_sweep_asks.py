"""A release was terminated after the cutover: what serves stays until a person has decided."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import names
from domain.errors import REFUSED
from domain.models import State
from tests.workflows.account import ScalingGroup
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.by_hand import carry_out, commands
from tests.workflows.case import Case, failure
from tests.workflows.conftest import MakeCase
from tests.workflows.promises import standing

DEAD = names.owner("release-of-nobody", "run")
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES)


async def left_serving(
    make_case: MakeCase, strategy: str, *, healthy: bool = True
) -> tuple[Case, ScalingGroup, ScalingGroup]:
    """Green serves, and is not marked. Blue is marked, and out of the load balancer."""
    case = await make_case(load_balancer=STRATEGIES[strategy])
    blue, green = case.group("v1"), case.make("v2", State.SERVING, 1)
    for tag in (names.STATE, names.SERVED_AT):
        del green.tags[tag]
    green.tags[names.RELEASE] = DEAD
    account, arns = case.account, case.world.arns
    account.detach(blue, arns)
    for arn, rule in account.rules.items():
        account.detach(green, arns)
        green.target_groups = [arns[1]]
        weights = {arns[0]: 0, arns[1]: 100}
        account.rules[arn] = rule.model_copy(update={"weights": weights})
    for machine in green.machines:
        machine.fit = healthy
    case.settle()
    return case, blue, green


async def sweep(case: Case, **more: Any) -> dict[str, Any]:
    request = {"dry_run": False} | more
    handle = await case.start("SweepWorkflow", f"sweep-{case.stack.name}", **request)
    (swept,) = await handle.result()
    answer: dict[str, Any] = swept
    return answer


@every_strategy
@pytest.mark.parametrize("choice", ["keep", "go back"])
async def test_what_serves_unmarked_stays_and_either_answer_ends_in_a_release(
    make_case: MakeCase, strategy: str, choice: str
) -> None:
    case, blue, green = await left_serving(make_case, strategy)
    refused = await failure(await case.release("v2", force=True))
    before = standing(case.account)

    swept = await sweep(case)

    assert refused
    assert refused.type == REFUSED
    assert f"`ovenbird sweep {case.stack.name}`" in refused.message
    assert swept["stopped"].startswith("marks and traffic disagree")
    assert swept["cleared"] == []
    assert standing(case.account) == before
    kept, gone = (green, blue) if choice == "keep" else (blue, green)
    words = f"To keep {green.name}" if choice == "keep" else f"To go back to {blue.name}"
    for command in commands(swept["stopped"], words):
        carry_out(case.account, command)
        case.settle()
        assert case.world.capacity() >= 2
    assert (await sweep(case))["stopped"] == ""
    assert gone.machines == []
    result = await (await case.release("v2", force=True)).result()
    assert result["parked"] == kept.name


async def test_blue_is_attached_and_the_sweep_does_the_rest(make_case: MakeCase) -> None:
    """It makes blue as large as green before green goes: nobody has to do that by hand."""
    case, blue, green = await left_serving(make_case, "attach")
    green.desired = 4
    blue.target_groups = list(case.world.arns)
    case.settle()
    handle = await case.start("SweepWorkflow", f"sweep-{case.stack.name}", dry_run=False)
    case.world.needed = 4

    (swept,) = await handle.result()

    assert swept["stopped"] == ""
    assert case.account.groups == {blue.name: blue}
    assert (blue.desired, case.world.capacity()) == (4, 4)


async def test_blue_comes_back_where_green_is_sick(make_case: MakeCase) -> None:
    case, blue, green = await left_serving(make_case, "attach", healthy=False)

    swept = await sweep(case)

    assert swept["cleared"] == [blue.name, green.name]
    assert case.world.capacity() == 2


async def test_green_stays_where_blue_does_not_become_healthy(make_case: MakeCase) -> None:
    case, blue, green = await left_serving(make_case, "attach", healthy=False)
    case.world.stacks[case.stack.name] = case.stack.model_copy(
        update={"timeouts": case.stack.timeouts.model_copy(update={"healthy": 0.2})}
    )
    for machine in blue.machines:
        machine.fit = False

    swept = await sweep(case)

    assert "did not become healthy again" in swept["stopped"]
    assert len(green.machines) == 2


async def test_blue_is_as_large_as_green_before_it_takes_the_weight_of_green(
    make_case: MakeCase,
) -> None:
    """In the middle of a shift, and before green is old enough to be removed."""
    case, blue, green = await left_serving(make_case, "weighted")
    blue_arn, green_arn = case.world.arns
    blue.target_groups, green.desired = [blue_arn], 4
    green.created_at = datetime.now(UTC).isoformat()
    (rule,) = case.account.rules.values()
    weights = {blue_arn: 90, green_arn: 10}
    case.account.rules[rule.arn] = rule.model_copy(update={"weights": weights})
    case.settle()

    swept = await sweep(case)

    assert swept["cleared"] == [blue.name]
    assert list(swept["left"]) == [green.name]
    assert case.account.rules[rule.arn].weights == {blue_arn: 100, green_arn: 0}
    assert case.account.healthy_units(blue_arn) == 4


async def test_a_rollback_that_was_terminated_while_it_served_is_asked_about(
    make_case: MakeCase,
) -> None:
    case = await make_case(parked=["v0"])
    blue, woken = case.group("v1"), case.group("v0")
    woken.min, woken.desired, woken.max = 2, 2, 6
    woken.tags[names.WOKEN_BY] = DEAD
    woken.target_groups = list(case.world.arns)
    case.account.detach(blue, case.world.arns)
    case.settle()

    swept = await sweep(case)

    assert f"{woken.name} is marked as parked, and gets traffic, with 2 of 2" in swept["stopped"]
    for command in commands(swept["stopped"], f"To keep {woken.name}"):
        carry_out(case.account, command)
    assert (await sweep(case))["cleared"] == [blue.name, woken.name]
    assert (blue.machines, woken.min, woken.tags[names.WOKEN_BY]) == ([], 1, "")
    assert case.world.capacity() == 2


@pytest.mark.parametrize("by_name", [True, False])
async def test_what_is_too_young_is_listed_with_the_time_from_which_it_may_be_touched(
    make_case: MakeCase, by_name: bool
) -> None:
    """A person who names the stack waits for the last call of the release, not for its age."""
    case, blue, green = await left_serving(make_case, "attach", healthy=False)
    ended = await case.release("unknown")
    await case.keep_promises()
    closed = (await ended.describe()).close_time
    green.tags[names.RELEASE] = names.owner(case.lock, str(ended.result_run_id))
    green.created_at = "2020-01-01T00:00:00"
    request: dict[str, Any] = {} if by_name else {"stack": None}

    dry = await sweep(case, dry_run=True, **request)
    applied = await sweep(case, **request)

    assert closed
    wait = timedelta(seconds=120.05) if by_name else timedelta(minutes=10)
    (found,) = [f for f in dry["findings"] if f["action"] == "remove group"]
    late = datetime.fromisoformat(found["not_before"]) - closed - wait
    assert timedelta(0) <= late < timedelta(seconds=1)
    assert dry["left"] == {}
    assert applied["cleared"] == [blue.name]
    assert list(applied["left"]) == [green.name]
    assert found["not_before"] in applied["left"][green.name]
    assert green.name in case.account.groups


async def test_what_serves_comes_back_as_good_as_it_is_where_nothing_is_beside_it(
    make_case: MakeCase,
) -> None:
    """One of it stays ill: after the time of a new deployment that is no reason to wait longer."""
    case = await make_case(timeouts={"healthy": 0.5})
    blue = case.group("v1")
    case.account.detach(blue, case.world.arns)
    blue.machines[0].fit = False
    case.settle()

    swept = await sweep(case)

    assert (swept["stopped"], swept["cleared"]) == ("", [blue.name])
    assert case.account.healthy_units(case.world.arns[0]) == 1
