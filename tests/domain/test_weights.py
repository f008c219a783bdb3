"""Weights move between two target groups, come back as they were, and leave others alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.traffic import Rule
from domain.weights import MOST, Step, back, divided, forward, named, pointed

LIVE, IDLE, THIRD = "live", "idle", "third"
WEIGHT = st.integers(1, MOST)
PERCENT = st.integers(0, 100)


def rule(arn: str = "rule", **weights: int) -> Rule:
    return Rule(arn=arn, listener="listener", default=False, weights=weights)


def step(found: list[Rule], before: list[Rule], reached: int, percent: int) -> Step:
    return forward(found, before, live=LIVE, idle=IDLE, reached=reached, percent=percent)


@given(WEIGHT, st.integers(0, MOST), PERCENT)
def test_weights_are_whole_numbers_that_aws_takes(live: int, third: int, percent: int) -> None:
    found = divided({LIVE: live, IDLE: 0, THIRD: third}, LIVE, IDLE, percent)

    assert all(0 <= weight <= MOST for weight in found.values())
    assert found[LIVE] + found[IDLE] > 0


@given(WEIGHT, st.integers(0, MOST), PERCENT)
def test_a_third_target_group_keeps_its_share(live: int, third: int, percent: int) -> None:
    found = divided({LIVE: live, IDLE: 0, THIRD: third}, LIVE, IDLE, percent)

    assert found[THIRD] * live == third * (found[LIVE] + found[IDLE])


@given(st.integers(1, MOST), PERCENT)
def test_two_target_groups_share_as_the_percent_says(live: int, percent: int) -> None:
    found = divided({LIVE: live, IDLE: 0}, LIVE, IDLE, percent)

    total = found[LIVE] + found[IDLE]
    assert abs(found[IDLE] * 100 - percent * total) <= max(total, 100) / 2 + 100


@given(st.integers(1, MOST), st.integers(0, MOST), PERCENT)
def test_weights_come_back_exactly(live: int, third: int, percent: int) -> None:
    """1 and 0 is not 100 and 0."""
    original = rule(live=live, idle=0, third=third)
    now = original.model_copy(update={"weights": divided(original.weights, LIVE, IDLE, percent)})

    changed = back([now], [original], live=LIVE, idle=IDLE)

    assert changed.get("rule", now.weights) == original.weights


def test_a_brake_that_somebody_pulled_is_an_objection() -> None:
    original = rule(live=100, idle=0)

    found = step([original], [original], 10, 50)

    assert "rule has the weights 100 and 0, where this run left 90 and 10" in found.objections[0]


def test_a_step_whose_reply_was_lost_is_no_objection() -> None:
    original = rule(live=1, idle=0)
    done = rule(live=50, idle=50)

    found = step([done], [original], 10, 50)

    assert (found.objections, found.weights) == ((), {})


def test_a_rule_that_was_added_takes_part() -> None:
    known, added = rule(live=100, idle=0), rule("added", live=1, idle=0, third=1)

    found = step([rule(live=0, idle=100), added], [known], 100, 100)

    assert found.objections == ()
    assert found.weights == {"added": {LIVE: 0, IDLE: 1, THIRD: 1}}
    assert found.before == (known, added)


def test_a_rule_that_was_made_anew_goes_on_where_the_others_are() -> None:
    known = [rule("one", live=100, idle=0), rule("two", live=100, idle=0)]
    now = [rule("one", live=50, idle=50), rule("three", live=100, idle=0)]

    found = step(now, known, 50, 60)

    assert found.objections == ()
    assert found.weights == {"one": {LIVE: 40, IDLE: 60}, "three": {LIVE: 40, IDLE: 60}}


def test_without_a_rule_nothing_can_be_shifted() -> None:
    found = step([], [rule(live=100, idle=0)], 0, 100)

    assert found.objections == ("no rule forwards to the two target groups any more",)
    assert found.before == (rule(live=100, idle=0),)


def test_a_rule_with_one_of_the_two_is_an_objection_and_stays() -> None:
    found = step([rule(idle=1)], [rule(live=100, idle=0)], 0, 100)

    assert "rule forwards to one of the two target groups alone" in found.objections
    assert found.weights == {}


def test_a_third_weight_that_somebody_changes_stays_as_it_is_now() -> None:
    original = rule(live=100, idle=0, third=100)
    now = rule(live=50, idle=50, third=7)

    assert step([now], [original], 50, 100).weights == {"rule": {LIVE: 0, IDLE: 100, THIRD: 7}}
    assert back([now], [original], live=LIVE, idle=IDLE) == {"rule": {LIVE: 100, IDLE: 0, THIRD: 7}}


def test_what_gives_nothing_to_green_is_left_as_it_is() -> None:
    """A person may have given blue the traffic back, with other weights."""
    assert back([rule(live=7, idle=0)], [rule(live=100, idle=0)], live=LIVE, idle=IDLE) == {}
    assert back([rule(live=7)], [], live=LIVE, idle=IDLE) == {}


def test_a_rule_that_only_names_green_gets_blue() -> None:
    assert back([rule(idle=3)], [], live=LIVE, idle=IDLE) == {"rule": {LIVE: 3}}


def test_a_preview_moves_to_the_other_target_group_alone() -> None:
    assert pointed(rule(live=1, third=2), LIVE, IDLE) == {IDLE: 1, THIRD: 2}
    assert pointed(rule(idle=4), LIVE, IDLE) == {IDLE: 4}


def test_a_rule_with_blue_alone_is_written_where_the_run_insists() -> None:
    """An objection, and yet no request may be left with nobody once blue is out."""
    both, alone = rule("one", live=0, idle=100), rule("two", live=100)

    found = step([both, alone], [rule("one", live=100, idle=0)], 100, 100)

    assert found.objections == ("two forwards to one of the two target groups alone",)
    assert found.weights == {"two": {LIVE: 0, IDLE: 100}}
    again = step([both, rule("two", live=0, idle=100)], list(found.before), 100, 100)
    assert (again.objections, again.weights) == ((), {})


def test_blue_is_named_again_where_somebody_took_it_out_of_a_rule() -> None:
    rules = [rule("one", idle=1), rule("two", live=0, idle=1), rule("three", live=1)]

    assert named(rules, live=LIVE, idle=IDLE) == {"one": {LIVE: 0, IDLE: 1}}
