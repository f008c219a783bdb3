"""What goes leaves the traffic first, and is emptied whatever keeps its instances."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain import names
from domain.errors import ROLLED_BACK
from domain.models import State
from tests.workflows.account import ScalingGroup
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import Case, failure
from tests.workflows.conftest import MakeCase

DEAD = names.owner("release-of-nobody", "run")


def suspend(group: ScalingGroup) -> None:
    group.suspended.add("Terminate")


def protect(group: ScalingGroup) -> None:
    group.machines[0].protected = True


def set_aside(group: ScalingGroup) -> None:
    group.machines[0].lifecycle = "Standby"


HOLDS = {"Terminate": suspend, "protected": protect, "Standby": set_aside}
every_hold = pytest.mark.parametrize("hold", HOLDS.values(), ids=HOLDS)
Hold = Callable[[ScalingGroup], None]


def answers(case: Case, group: ScalingGroup) -> bool:
    """Does one of its instances get requests?"""
    ids = {machine.id for machine in group.machines}
    return any(ids & states.keys() for states in case.account.targets.values())


@every_hold
@pytest.mark.parametrize("strategy", ["attach", "weighted"])
async def test_an_abort_takes_green_out_of_the_traffic_and_then_away(
    make_case: MakeCase, hold: Hold, strategy: str
) -> None:
    case = await make_case(approval=True, load_balancer=STRATEGIES[strategy])
    handle = await case.release()
    await case.until_waiting()
    green, seen = case.group("v2"), []
    hold(green)
    case.world.when(
        "remove_group",
        lambda: green.desired == 0,
        lambda: seen.append(answers(case, green)),
    )

    await case.says("abort_and_roll_back")

    error = await failure(handle)
    assert error
    assert error.type == ROLLED_BACK
    assert seen == [False]


@every_hold
async def test_what_keeps_blue_is_undone_and_a_rollback_comes_back_to_it_at_once(
    make_case: MakeCase, hold: Hold
) -> None:
    case = await make_case()
    blue = case.group("v1")
    case.world.at("mark", lambda: hold(blue))
    if hold is suspend:
        hold(blue)

    result = await (await case.release()).result()

    assert blue.machines == []
    assert ("Terminate" in blue.suspended) is (hold is suspend)
    assert any(f"{blue.name} would not become empty" in note for note in result["notes"])
    assert (await (await case.rollback()).result())["deployment"] == blue.name


async def test_what_cannot_be_emptied_is_noted_and_is_no_reason_against_a_rollback(
    make_case: MakeCase,
) -> None:
    case = await make_case(timeouts={"drain": 0.5})
    blue = case.group("v1")
    case.world.at("mark", lambda: protect(blue))
    case.world.refuse("empty_group", "AccessDenied: TerminateInstanceInAutoScalingGroup")

    handle = await case.release()
    result = await handle.result()
    case.runs.remove(handle)

    assert blue.machines[0].protected
    assert any("AccessDenied" in note for note in result["notes"])
    assert (await (await case.rollback()).result())["deployment"] == blue.name


async def test_a_lifecycle_hook_of_blue_holds_up_no_release_and_no_rollback(
    make_case: MakeCase,
) -> None:
    case = await make_case()
    blue = case.group("v1")
    blue.hooked = True

    await (await case.release()).result()

    assert [machine.lifecycle for machine in blue.machines] == ["Terminating:Wait"] * 2
    assert (await (await case.rollback()).result())["deployment"] == blue.name
    assert len([m for m in blue.machines if m.lifecycle == "Terminating:Wait"]) == 2


async def test_a_replaced_instance_that_waits_for_a_hook_rolls_no_good_release_back(
    make_case: MakeCase,
) -> None:
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    green = case.group("v2")
    green.hooked = True
    case.account.end(green.machines[0])
    case.settle()

    await case.says("approve_cutover")

    assert (await handle.result())["deployment"] == green.name
    assert [m.lifecycle for m in green.machines].count("Terminating:Wait") == 1


@every_hold
async def test_a_woken_group_that_will_not_empty_is_parked_again(
    make_case: MakeCase, hold: Hold
) -> None:
    case = await make_case(parked=["v0"], timeouts={"soak": 20})
    woken = case.group("v0")
    case.world.when("observe", lambda: len(woken.machines) > 1, lambda: hold(woken))
    case.world.at("detach", lambda: case.says("abort_and_roll_back"))
    if hold is suspend:
        hold(woken)

    error = await failure(await case.rollback())

    assert error
    assert error.type == ROLLED_BACK
    assert not answers(case, woken)


@every_hold
@pytest.mark.parametrize("what", ["of a dead release", "parked"])
async def test_a_sweep_clears_what_will_not_empty(
    make_case: MakeCase, hold: Hold, what: str
) -> None:
    case = await make_case()
    left = case.make("v2", State.SERVING, 1)
    if what == "parked":
        left.tags[names.STATE] = State.PARKED
        case.account.detach(left, case.world.arns)
        case.settle()
    else:
        left.tags[names.RELEASE] = DEAD
        for tag in (names.STATE, names.SERVED_AT):
            del left.tags[tag]
        left.created_at = "2020-01-01T00:00:00+00:00"
    hold(left)

    # What it takes away serves beside blue, which has all that the stack needs.
    case.world.at("which_run", lambda: setattr(case.world, "needed", 2))
    handle = await case.start("SweepWorkflow", f"sweep-{case.stack.name}", dry_run=False)
    (swept,) = await handle.result()

    assert swept["cleared"] == [left.name]
    assert not answers(case, left)
    assert left.desired == 0
    assert left.machines == [] or left.name not in case.account.groups
