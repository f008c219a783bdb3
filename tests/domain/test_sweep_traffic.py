"""A sweep takes no traffic away from what is healthy: where marks say otherwise, it asks."""

from __future__ import annotations

import pytest

from domain import names, sweep
from domain.models import State
from domain.sweep_traffic import dispute
from tests.domain.standings import GONE, ONE, PAIR, TWO, standing, world


def swept(inventory: sweep.Inventory) -> list[str]:
    """What a sweep does; or that it asks."""
    found = sweep.find(inventory, ())
    asked = dispute(inventory, found)
    if asked:
        assert asked.words
        return ["ask"]
    return [f"{f.action} {f.name}" for f in found]


BOTH = dict.fromkeys(PAIR, 2)
SOME = dict.fromkeys(PAIR, 1)
# Blue is marked as serving. Attached and healthy: blue, then green, which is marked as nothing.
TABLE: list[tuple[bool, dict[str, int], bool | None, dict[str, int], list[str]]] = [
    (True, BOTH, None, {}, []),
    (True, {}, None, {}, []),
    (False, {}, None, {}, ["attach blue"]),
    (True, BOTH, True, BOTH, ["remove group green"]),
    (True, BOTH, True, {}, ["remove group green"]),
    (True, BOTH, False, {}, ["remove group green"]),
    (True, SOME, True, SOME, ["remove group green"]),
    (True, SOME, True, BOTH, ["ask"]),
    (True, {}, True, BOTH, ["ask"]),
    (True, {}, True, {}, ["ask"]),
    (True, {}, False, {}, ["remove group green"]),
    (False, {}, True, BOTH, ["ask"]),
    (False, {}, True, SOME, ["ask"]),
    (False, {}, True, {}, ["attach blue", "remove group green"]),
    (False, {}, False, {}, ["attach blue", "remove group green"]),
    (False, {}, False, SOME, ["ask"]),
]


@pytest.mark.parametrize(("blue_in", "blue", "green_in", "green", "does"), TABLE)
def test_what_a_sweep_does_for_every_standing_of_blue_and_green(
    blue_in: bool,
    blue: dict[str, int],
    green_in: bool | None,
    green: dict[str, int],
    does: list[str],
) -> None:
    """Green is not attached and healthy where a person registered its instances."""
    made = [standing("blue", State.SERVING, PAIR if blue_in else ())]
    if green_in is not None:
        made.append(standing("green", None, PAIR if green_in else ()))

    assert swept(world(*made, blue=blue, green=green)) == does


@pytest.mark.parametrize(
    ("one", "two", "blue", "green", "does"),
    [
        (90, 10, 2, 2, ["weigh blue", "remove group green"]),
        (10, 90, 2, 2, ["weigh blue", "remove group green"]),
        (90, 10, 0, 2, ["ask"]),
        (90, 10, 1, 2, ["ask"]),
        (90, 10, 0, 0, ["ask"]),
        (90, 10, 2, 0, ["weigh blue", "remove group green"]),
        (0, 100, 2, 2, ["ask"]),
        (0, 100, 2, 0, ["weigh blue", "remove group green"]),
        (100, 0, 2, 2, ["remove group green"]),
        (100, 0, 0, 2, ["ask"]),
        (0, 0, 2, 2, ["weigh blue", "remove group green"]),
    ],
)
def test_weights_go_back_to_blue_only_while_it_serves_healthily(
    one: int, two: int, blue: int, green: int, does: list[str]
) -> None:
    found = world(
        standing("blue", State.SERVING, (ONE,)),
        standing("green", None, (TWO,)),
        weights={ONE: one, TWO: two},
        blue={ONE: blue},
        green={TWO: green},
    )

    assert swept(found) == does


def test_blue_grows_to_the_size_of_what_leaves_or_a_person_is_asked() -> None:
    green = standing("green", None, PAIR, size=5)
    five = dict.fromkeys(PAIR, 5)

    for most, does in ((5, ["remove group green"]), (4, ["ask"])):
        blue = standing("blue", State.SERVING, PAIR, max=most)
        assert swept(world(blue, green, blue=BOTH, green=five)) == does


def test_blue_covers_only_the_target_groups_that_it_is_in() -> None:
    blue, green = standing("blue", State.SERVING, (ONE,)), standing("green", None, PAIR)

    assert swept(world(blue, green, blue={ONE: 2}, green=BOTH)) == ["ask"]
    assert swept(world(blue, green, blue={ONE: 2}, green={ONE: 2})) == ["remove group green"]


def test_what_has_just_left_a_target_group_covers_nobody_there() -> None:
    """AWS may show its targets as healthy for some seconds more."""
    blue, green = standing("blue", State.SERVING, (ONE,)), standing("green", None, PAIR)

    assert swept(world(blue, green, blue=BOTH, green=BOTH)) == ["ask"]


def test_blue_must_be_healthy_wherever_it_gets_traffic() -> None:
    blue, green = standing("blue", State.SERVING, PAIR), standing("green", None, PAIR)

    assert swept(world(blue, green, blue={ONE: 2})) == ["ask"]
    assert swept(world(blue, green, blue=BOTH)) == ["remove group green"]


def test_an_empty_group_in_the_balancer_is_no_rival() -> None:
    blue, empty = standing("blue", State.SERVING, PAIR), standing("green", None, PAIR, size=0)

    assert swept(world(blue, empty)) == ["remove group green"]


def test_what_no_ended_release_left_beside_blue_is_asked_about() -> None:
    """A release is refused because of it, and is pointed to the sweep."""
    blue = standing("blue", State.SERVING, PAIR)
    woken = standing("old", State.PARKED, PAIR, tags={names.WOKEN_BY: GONE})

    assert swept(world(blue, woken, blue=BOTH, old=BOTH)) == ["park old"]
    for other in (
        standing("old", State.PARKED, PAIR),
        standing("old", None, PAIR, served_at="2026-10-01"),
        standing("old", None, PAIR, release=""),
    ):
        assert swept(world(blue, other, blue=BOTH, old=BOTH)) == ["ask"]
        assert swept(world(blue, other, blue=BOTH)) == ["ask"]


def test_where_nothing_is_marked_the_one_with_most_of_the_traffic_is_asked_about() -> None:
    small, large = standing("a", None, PAIR, size=1), standing("b", None, PAIR)

    asked = dispute(world(small, large, a=SOME, b=BOTH), ())

    assert asked
    assert "b is in the load balancer. To keep it" in asked.words
    assert asked.names == {"a", "b"}
    assert dispute(world(standing("a", None, ())), ()) is None


def test_two_marks_are_not_settled_by_the_traffic() -> None:
    pair = [standing(name, State.SERVING, PAIR) for name in ("a", "b")]

    assert dispute(world(*pair, a=BOTH), ()) is None


def test_rules_that_no_deployment_explains_are_asked_about() -> None:
    asked = dispute(world(weights={ONE: 50, TWO: 50}), ())

    assert asked
    assert '"TargetGroupArn": "arn:one", "Weight": 100' in asked.words
    assert dispute(world(weights={ONE: 100, TWO: 0}), ()) is None
    assert dispute(world(), ()) is None
