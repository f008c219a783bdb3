"""What a sweep finds, group by group and rule by rule, with all that is said of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import names, sweep
from domain.models import Deployment, State
from domain.traffic import Rule
from tests.domain.worlds import deployment

PAIR = ("arn:one", "arn:two")
WEIGHTS = st.sampled_from([0, 1, 50, 100])


def with_group(it: Deployment, **more: object) -> Deployment:
    return it.model_copy(update={"group": it.group.model_copy(update=more)})


def find(*deployments: Deployment, **more: object) -> list[sweep.Finding]:
    inventory = sweep.Inventory(deployments=deployments, **more)
    return sweep.find(inventory, {"runs"})


SERVING = with_group(deployment("v1", state=State.SERVING), target_groups=("arn:two",))


@given(st.lists(st.tuples(WEIGHTS, WEIGHTS), max_size=3))
def test_what_serves_gets_its_traffic_back_where_a_rule_gives_any_of_it_away(
    weights: list[tuple[int, int]],
) -> None:
    rules = tuple(
        Rule(arn=f"r{n}", listener="l", default=False, weights={"arn:one": one, "arn:two": two})
        for n, (one, two) in enumerate(weights)
    )
    of_others = Rule(arn="r", listener="l", default=False, weights={"arn:two": 0})

    found = find(deployment("v0"), SERVING, target_groups=PAIR, rules=(*rules, of_others))

    wrong = sum(one > 0 or two == 0 for one, two in weights)
    assert [(f.action, f.name) for f in found] == ([("weigh", "v1")] if wrong else [])
    assert all(f"of {wrong} rule(s)" in f.why for f in found)


def test_without_a_deployment_that_serves_no_weight_is_changed() -> None:
    wrong = Rule(arn="r", listener="l", default=False, weights={"arn:one": 50, "arn:two": 50})

    assert find(deployment("v1"), target_groups=PAIR, rules=(wrong,)) == []


@pytest.mark.parametrize("size", [0, 2])
@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("attached", [False, True])
def test_what_is_parked_and_has_capacity_that_serves_nobody_is_parked_again(
    size: int, running: bool, attached: bool
) -> None:
    parked = with_group(
        deployment("v1"),
        desired=size,
        instances=int(running),
        target_groups=("arn:one",) if attached else (),
    )

    found = find(deployment("v0"), parked)

    wanted = (size > 0 or running) and not attached
    assert [(f.action, f.name, f.release) for f in found] == (
        [("park", "v1", "")] if wanted else []
    )


def test_what_an_ended_release_woke_is_parked_and_the_release_is_named() -> None:
    found = find(with_group(deployment("v1"), tags={names.WOKEN_BY: "ended"}))

    assert [(f.action, f.release) for f in found] == [("park", "ended")]


def test_a_suspension_that_was_left_is_found_behind_what_needs_nothing() -> None:
    left = with_group(SERVING, name="v2", tags={names.RESTORE_REBALANCE: "true"})

    assert [(f.action, f.name) for f in find(SERVING, left)] == [("unpin", "v2")]


def test_what_is_removed_is_removed_in_the_name_of_the_release_that_made_it() -> None:
    never = deployment("v1", state=None).model_copy(update={"release": "ended"})
    kinds = (
        ("launch template", "t1"),
        ("instance", "i-1"),
        ("security group", "sg-1"),
        ("snapshot", "snap-1"),
    )
    owned = tuple(
        sweep.Owned(kind=kind, id=name, name=name, release="ended") for kind, name in kinds
    )

    found = find(never, owned=owned)

    assert [(f.action, f.name, f.release) for f in found] == [
        ("remove group", "v1", "ended"),
        ("remove template", "t1", "ended"),
        ("remove bake", "i-1, sg-1", "ended"),
        ("remove snapshot", "snap-1", "ended"),
    ]


def test_the_target_group_of_what_serves_is_its_home_though_another_is_in_it_too() -> None:
    rule = Rule(arn="r", listener="l", default=False, weights=dict.fromkeys(PAIR, 50))
    green = with_group(deployment("v2", state=None), target_groups=("arn:two",))
    inventory = sweep.Inventory(deployments=(SERVING, green), target_groups=PAIR, rules=(rule,))

    assert sweep.home(inventory) == "arn:two"


@pytest.mark.parametrize("size", [{"desired": 1}, {"instances": 2}, {"instances": 2, "leaving": 1}])
def test_what_is_parked_and_does_not_end_by_itself_is_parked_again(size: dict[str, int]) -> None:
    assert [f.action for f in find(with_group(deployment("v0"), **size))] == ["park"]


def test_what_is_parked_and_waits_for_a_lifecycle_hook_is_left_to_aws() -> None:
    leaving = {"instances": 2, "leaving": 2, "lingering": 2}

    assert find(with_group(deployment("v0"), **leaving)) == []
