"""Who answers is told by rules and healthy targets; nothing leaves that is still needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.answering import (
    Place,
    Share,
    Wiring,
    answers,
    fewest,
    places,
    refusal,
    serves_alone,
    who_answers,
    within,
)
from domain.ending import Ending, Promise, gone_back, labels, released
from domain.models import Deployment, Group, Instance, TargetGroup, TargetState
from domain.traffic import Rule

ONE, TWO = "arn:one", "arn:two"
CALLED = {"green": "v2", "blue": "v1"}


def wiring(*, weighted: bool = False, preview: tuple[str, ...] = ()) -> Wiring:
    groups = tuple(TargetGroup(arn=arn, name=arn) for arn in (ONE, TWO))
    return Wiring(target_groups=groups, weighted=weighted, preview=preview)


def member(name: str, weight: int = 1) -> Instance:
    return Instance(id=name, lifecycle="InService", weight=weight)


def rule(arn: str, **weights: int) -> Rule:
    named = {ONE: weights.get("one", 0), TWO: weights.get("two", 0)}
    return Rule(arn=arn, listener="listener", default=False, weights=named)


HEALTHY, SICK = TargetState(state="healthy"), TargetState(state="unhealthy")
UNUSED = TargetState(state="unused", reason="Target.NotInUse")
MEMBERS = {"blue": [member("b")], "green": [member("g", 2)]}


def place(name: str = "rule", **healthy: int) -> Place:
    return Place(name=name, shares=(Share(target_group=ONE, weight=1, healthy=healthy),))


def test_a_target_group_without_a_listener_is_no_place() -> None:
    targets = {ONE: {"b": UNUSED}, TWO: {"b": HEALTHY, "g": HEALTHY, "x": HEALTHY}}

    (found,) = places(wiring(), [], MEMBERS, targets)

    assert found.name == TWO
    assert found.shares[0].healthy == {"blue": 1, "green": 2}
    assert found.shares[0].others == 1


def test_a_rule_sends_requests_where_it_has_weight() -> None:
    targets = {ONE: {"b": HEALTHY}, TWO: {"g": SICK}}
    rules = [rule("all", one=100), rule("half", one=1, two=1), rule("shown", two=1)]

    found = places(wiring(weighted=True, preview=("shown",)), rules, MEMBERS, targets)

    assert [each.name for each in found] == ["all", "half"]
    assert [s.target_group for s in found[1].shares] == [ONE, TWO]
    assert (answers(found, "blue"), answers(found, "green")) == (True, False)
    assert who_answers(found, CALLED) == (
        "v1 answers with 1 healthy at all; v1 answers with 1 healthy to 50 % and nobody answers to "
        "50 % at half"
    )


def test_without_any_place_nobody_is_asked() -> None:
    assert "no listener" in who_answers([], CALLED)
    assert not serves_alone([], "green")


@pytest.mark.parametrize(
    ("healthy", "least", "may_leave"),
    [
        ({"blue": 3, "green": 3}, 3, True),
        ({"blue": 3, "green": 2}, 3, False),
        ({"blue": 3}, 0, False),
        ({"green": 1}, 3, True),
        ({}, 3, True),
    ],
)
def test_what_answers_leaves_only_where_enough_stays(
    healthy: dict[str, int], least: int, may_leave: bool
) -> None:
    """An empty group is never enough, whatever its size."""
    share = Share(target_group=ONE, weight=1, healthy=healthy)
    seen = [Place(name="rule", shares=(share,))]
    why = refusal(seen, leaving="blue", staying="green", least=least)

    assert (not why) is may_leave


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_what_may_leave_leaves_somebody_everywhere(a: int, b: int, c: int, d: int) -> None:
    seen = [place("one", blue=a, green=b), place("two", blue=c, green=d)]

    if not refusal(seen, leaving="blue", staying="green", least=1):
        assert all(
            share.healthy["green"]
            for each in seen
            for share in each.shares
            if share.healthy["blue"]
        )


def test_a_place_that_blue_was_not_in_is_left_out() -> None:
    both = Place(
        name="rule",
        shares=(
            Share(target_group=ONE, weight=1, healthy={"blue": 1}),
            Share(target_group=TWO, weight=1, healthy={"green": 1}),
        ),
    )

    assert within([both], [ONE])[0].shares == both.shares[:1]
    assert within([both], []) == ()
    assert fewest([both], "blue") == 0
    assert fewest(within([both], [ONE]), "blue") == 1


def test_a_release_has_ended_well_where_green_answers_everything() -> None:
    assert released([place(green=2)], "green", CALLED) == Ending("v2 answers with 2 healthy")


@pytest.mark.parametrize(
    "seen", [[], [place(green=1, blue=1)], [place()], [place(blue=1)], [Place(name="r", shares=())]]
)
def test_else_it_says_who_answers(seen: list[Place]) -> None:
    found = released(seen, "green", CALLED)

    assert "v2 does not answer every request: " in found.broken


def blue(desired: int = 2) -> Deployment:
    group = Group(name="blue", min=1, max=4, desired=desired)
    return Deployment(name="blue", tag="v1", group=group)


def back(seen: list[Place], missing: int | None, *, touched: bool = False) -> str:
    promise = Promise(missing=missing, was_touched=touched)
    return gone_back(seen, "green", blue(), (ONE,), CALLED, promise).broken


def test_the_way_back_is_honest() -> None:
    assert back([place(blue=1)], 1) == ""
    assert "v2 still answers" in back([place(blue=2, green=1)], 0)
    assert "v1 does not answer as before: nobody answers" in back([place()], 0)
    assert "no listener" in back([], 0)


def test_what_was_ill_before_may_be_ill_after_it() -> None:
    assert back([place()], 2) == ""
    assert back([place()], None) == ""
    assert back([place()], None, touched=True)


def test_a_first_deployment_that_failed_leaves_nobody() -> None:
    promise = Promise(missing=None, was_touched=False)

    assert gone_back([], "green", None, (), {"green": "v1"}, promise).broken == ""
    assert gone_back([place(green=1)], "green", None, (), {"green": "v1"}, promise).broken


def test_the_same_tag_twice_is_told_apart_by_name() -> None:
    assert labels("green", "v1", blue()) == {"green": "v1 (green)", "blue": "v1 (blue)"}


def test_one_target_in_a_zone_that_is_not_enabled_hides_nobody() -> None:
    targets = {ONE: {"b": UNUSED, "g": HEALTHY}, TWO: {}}

    found = places(wiring(), [], MEMBERS, targets)

    assert [each.name for each in found] == [ONE, TWO]
    assert answers(found, "green")


def test_a_share_that_still_goes_to_greens_target_group_is_no_way_back() -> None:
    half = Place(
        name="rule",
        shares=(
            Share(target_group=ONE, weight=50, healthy={"blue": 2}),
            Share(target_group=TWO, weight=50),
        ),
    )
    promise = Promise(missing=0, was_touched=True, weighted=True)

    found = gone_back([half], "green", blue(), (ONE,), CALLED, promise)

    assert "nobody answers to 50 %" in found.broken
