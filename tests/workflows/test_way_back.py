"""The world changes under a release: what serves stays, and no single look is believed."""

from __future__ import annotations

import pytest

from domain import names
from domain.errors import DIRTY, REFUSED, ROLLED_BACK
from tests.workflows.account import Account, ScalingGroup
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import Case, failure
from tests.workflows.conftest import MakeCase


def blue(account: Account) -> ScalingGroup:
    return next(group for group in account.groups.values() if group.name.endswith("-v1"))


def is_detached(case: Case) -> bool:
    return not blue(case.account).target_groups


async def test_a_detach_that_takes_effect_late_is_undone_before_green_goes(
    make_case: MakeCase,
) -> None:
    """Right after it, AWS still shows blue healthy: one such look is no reason to remove green."""
    case = await make_case()
    case.world.at("detach", lambda: case.says("abort_and_roll_back"))
    case.world.delay("detach", looks=2)

    error = await failure(await case.release())

    assert error
    assert error.type == ROLLED_BACK
    assert len(case.world.named("attach")) == 3


async def test_a_blue_that_grows_while_it_drains_makes_green_grow(make_case: MakeCase) -> None:
    case = await make_case()
    grown: list[int] = []

    def grow(account: Account) -> None:
        blue(account).desired = 4

    def somebody_grows_it() -> None:
        case.world.somebody(grow)
        grown.append(case.group("v2").desired)

    case.world.when("observe", lambda: is_detached(case), somebody_grows_it)

    await (await case.release()).result()

    assert grown == [2]
    assert case.group("v2").desired == case.world.capacity() == 4


async def test_a_blue_that_grows_before_the_cutover_makes_green_grow_first(
    make_case: MakeCase,
) -> None:
    case = await make_case(approval=True)
    handle = await case.release()
    await case.until_waiting()
    case.world.somebody(lambda account: setattr(blue(account), "desired", 5))
    case.settle()

    await case.says("approve_cutover")

    await handle.result()
    resized = case.world.named("resize")[0]
    assert (resized.request.group, resized.request.desired) == (case.group("v2").name, 5)
    assert resized.at < case.world.named("detach")[0].at


async def test_a_blue_that_comes_back_takes_the_load_that_green_has_by_then(
    make_case: MakeCase,
) -> None:
    case = await make_case(timeouts={"soak": 30})

    async def green_grows_and_falls_ill() -> None:
        case.group("v2").desired = 4
        case.settle()
        case.world.needed = 4
        case.world.before.groups[blue(case.account).name].desired = 4
        case.settle_before()
        await case.says("abort_and_roll_back")

    case.world.when("observe", lambda: is_detached(case), green_grows_and_falls_ill)

    error = await failure(await case.release())

    assert error
    assert error.type == ROLLED_BACK
    assert case.world.capacity() == blue(case.account).desired == 4


async def test_when_blue_is_gone_green_goes_on_serving_and_the_ending_is_dirty(
    make_case: MakeCase,
) -> None:
    case = await make_case()

    async def somebody_deletes_it() -> None:
        case.world.somebody(lambda account: account.groups.pop(blue(account).name))
        await case.says("abort_and_roll_back")

    case.world.when("observe", lambda: is_detached(case), somebody_deletes_it)

    error = await failure(await case.release())

    assert error
    assert error.type == DIRTY
    assert "v2 still answers: v2 answers with 2 healthy" in error.message
    assert any("delete-auto-scaling-group" in item["by_hand"] for item in error.details[0]["left"])
    assert (await case.status())["phase"] == "dirty"
    assert case.account.healthy_units(case.world.arns[0]) == 2


async def test_a_blue_that_cannot_join_the_balancer_again_leaves_green_serving(
    make_case: MakeCase,
) -> None:
    """Attached is not enough: where its AddToLoadBalancer is suspended, nobody is registered."""
    case = await make_case(timeouts={"way_back": 1})

    def suspend(account: Account) -> None:
        blue(account).suspended.add("AddToLoadBalancer")

    case.world.at("attach", lambda: case.world.somebody(suspend))
    case.world.when("observe", lambda: is_detached(case), lambda: case.says("abort_and_roll_back"))

    error = await failure(await case.release())

    assert error
    assert error.type == DIRTY
    assert "not registered yet" in (await case.status())["notes"][-1]
    assert "attach-load-balancer-target-groups" in str(error.details)
    assert case.account.healthy_units(case.world.arns[0]) == 2


async def test_a_blue_that_could_not_come_back_is_refused_before_anything_is_made(
    make_case: MakeCase,
) -> None:
    case = await make_case()
    blue(case.account).suspended.add("AddToLoadBalancer")

    error = await failure(await case.release())

    assert error
    assert error.type == REFUSED
    assert "somebody suspended AddToLoadBalancer of" in error.message
    assert "resume-processes" in error.message


@pytest.mark.parametrize("process", ["Launch", "AddToLoadBalancer"])
async def test_a_process_of_green_that_somebody_suspends_is_said_by_name(
    make_case: MakeCase, process: str
) -> None:
    case = await make_case(timeouts={"healthy": 1})
    case.world.at("observe", lambda: case.group("v2").suspended.add(process))

    error = await failure(await case.release())

    assert error
    assert f"somebody suspended {process} of the group" in error.message
    assert error.type == ROLLED_BACK


async def test_a_green_that_falls_ill_while_it_is_watched_is_rolled_back(
    make_case: MakeCase,
) -> None:
    case = await make_case(timeouts={"soak": 30, "poll": 0.05})

    def falls_ill() -> None:
        for machine in case.group("v2").machines:
            machine.fit = False
        case.world.needed = 0

    case.world.when("observe", lambda: is_detached(case), falls_ill)

    error = await failure(await case.release())

    assert error
    assert "did not stay fit" in error.message
    assert case.account.healthy_units(case.world.arns[0]) == 2


async def test_a_green_that_never_becomes_healthy_is_rolled_back_in_time(
    make_case: MakeCase,
) -> None:
    case = await make_case(timeouts={"healthy": 0.3})
    case.world.at("attach", lambda: setattr(case.group("v2"), "fit", False))

    error = await failure(await case.release())

    assert error
    assert "0 of 2 instances healthy" in error.message


async def test_no_capacity_is_told_in_aws_own_words(make_case: MakeCase) -> None:
    case = await make_case(timeouts={"healthy": 0.3})
    words = "We currently do not have sufficient t3.micro capacity"
    case.world.at("attach", lambda: setattr(case.group("v2"), "failures", (words,)))

    error = await failure(await case.release())

    assert error
    assert words in error.message


async def test_what_aws_refuses_to_undo_is_listed_with_its_command(make_case: MakeCase) -> None:
    case = await make_case(timeouts={"way_back": 1})
    case.world.at("attach", lambda: case.says("abort_and_roll_back"))
    case.world.refuse("remove_group")

    error = await failure(await case.release())

    assert error
    assert error.type == DIRTY
    by_hand = error.details[0]["left"][0]["by_hand"]
    assert by_hand.index("detach-load-balancer-target-groups") < by_hand.index("--min-size 0")
    assert "delete-auto-scaling-group" in by_hand
    (left,) = error.details[0]["left"]
    assert f"{left['what']}: {by_hand}" in error.message
    assert any(note.endswith(by_hand) for note in (await case.status())["notes"])
    # What does not depend on the group is undone all the same.
    assert case.world.named("delete_launch_template")
    assert case.world.capacity() == 2


async def test_a_weighted_way_back_that_fails_leaves_green_serving(make_case: MakeCase) -> None:
    case = await make_case(load_balancer=STRATEGIES["weighted"], timeouts={"way_back": 1})

    async def no_way() -> None:
        case.world.refuse("return_weights")
        await case.says("abort_and_roll_back")

    case.world.at("detach", no_way)

    error = await failure(await case.release())

    assert error
    assert error.type == DIRTY
    assert case.group("v2").tags[names.RESTORE_MIN] == "1"
    assert case.world.capacity() == 2
