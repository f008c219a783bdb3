"""Green dies while blue stands ready: the same looks and the same count, in every wait."""

from __future__ import annotations

import pytest

from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import Case, rolled_back
from tests.workflows.conftest import MakeCase
from tests.workflows.world import Call

READS = 2
# A wait in which it dies, long enough for many looks.
LONG = 30
WAITS = [
    *((strategy, wait) for strategy in STRATEGIES for wait in ("soak", "hot")),
    ("weighted", "step"),
]


async def serving(make_case: MakeCase, strategy: str, wait: str, *, healthy: float = 20) -> Case:
    """It is in that wait by its second look; the looks of the others are only few."""
    short = {"step": 0.01, "soak": 0, "hot": 0, "poll": 0.05, "confirm": 0.02}
    return await make_case(
        load_balancer=STRATEGIES[strategy],
        health={"reads": READS},
        timeouts=short | {wait: LONG, "healthy": healthy},
    )


def steps(case: Case) -> list[Call]:
    """The calls that gave green more of the traffic."""
    asked = case.world.named("shift_weights")
    return [call for call in asked if call.request.percent > call.request.reached]


def serves(case: Case, wait: str) -> bool:
    """Has green all of the traffic, or that of the first step, and was it looked at since?"""
    changes = steps(case) if case.account.rules else case.world.named("detach")
    gradual = case.account.rules and wait != "step"
    if len(changes) < (len(case.stack.load_balancer.steps) if gradual else 1):
        return False
    names = case.world.names()[case.world.calls.index(changes[-1]) :]
    return names.count("observe") >= 2


@pytest.mark.parametrize(("strategy", "wait"), WAITS)
async def test_all_of_green_dies_and_blue_is_back_after_as_many_looks_as_health_reads(
    make_case: MakeCase, strategy: str, wait: str
) -> None:
    case = await serving(make_case, strategy, wait)
    died: list[int] = []

    def die() -> None:
        for machine in case.group("v2").machines:
            machine.fit = False
        case.world.needed = 0
        died.append(len(case.world.calls))

    case.world.when("observe", lambda: serves(case, wait), die)

    await rolled_back(await case.release(), "did not stay fit: while it served, 0 of 2")

    since = case.world.names()[died[0] - 1 :]
    looks = next(number for number, name in enumerate(since) if name != "observe")
    # The way back may begin with a look of its own.
    assert READS <= looks <= READS + 1
    assert case.account.healthy_units(case.world.arns[0]) == 2


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_one_instance_that_aws_replaces_does_not_end_it(
    make_case: MakeCase, strategy: str
) -> None:
    """It takes more looks than would end it if all of green were ill."""
    case = await serving(make_case, strategy, "hot")
    lost: list[str] = []

    def end_one() -> None:
        machine = case.group("v2").machines[0]
        lost.append(machine.id)
        case.account.end(machine)
        case.world.needed = 1

    case.world.when("observe", lambda: serves(case, "hot"), end_one)
    case.world.when(
        "observe", lambda: bool(lost) and case.world.capacity() == 2, lambda: case.says("park_now")
    )

    await (await case.release()).result()

    here = [machine.id for machine in case.group("v2").machines]
    assert len(here) == 2
    assert lost[0] not in here


async def test_one_instance_that_nobody_replaces_ends_it_in_time(make_case: MakeCase) -> None:
    case = await serving(make_case, "attach", "hot", healthy=1)

    def falls_ill() -> None:
        case.group("v2").machines[0].fit = False
        case.world.needed = 1

    case.world.when("observe", lambda: serves(case, "hot"), falls_ill)

    await rolled_back(await case.release(), "did not stay fit: while it served, 1 of 2")


async def test_no_wait_ends_with_a_look_that_found_something_missing(make_case: MakeCase) -> None:
    """What follows takes traffic from blue: here the next step of weights."""
    case = await serving(make_case, "weighted", "step")
    case.world.stacks[case.stack.name] = case.stack.model_copy(
        update={"timeouts": case.stack.timeouts.model_copy(update={"step": 0.01, "confirm": 0.3})}
    )

    def dies() -> None:
        for machine in case.group("v2").machines:
            machine.fit = False
        case.world.needed = 0

    case.world.when("observe", lambda: bool(steps(case)), dies)

    # In these words, or in those of the last look before the next step.
    await rolled_back(await case.release(), "fit")

    assert [call.request.percent for call in steps(case)] == [1]
