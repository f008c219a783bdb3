"""How large what comes back must be, and how healthy."""

from __future__ import annotations

from domain import capacity
from domain.models import Group


def group_of(size: int, *, most: int = 6) -> Group:
    return Group(name="blue", min=0, max=most, desired=size)


def test_what_somebody_emptied_becomes_as_large_as_it_was() -> None:
    assert capacity.restored(group_of(0, most=0), group_of(4), 0) == (6, 4)
    assert capacity.restored(group_of(4), group_of(4), 0) is None


def test_what_comes_back_is_as_large_as_what_served_meanwhile_within_its_maximum() -> None:
    assert capacity.restored(group_of(2), group_of(2), 4) == (6, 4)
    assert capacity.restored(group_of(2), None, 9) == (6, 6)
    assert capacity.restored(group_of(6), group_of(2), 9) is None


def test_as_good_as_it_was_is_enough_and_nothing_never_is() -> None:
    assert capacity.least(group_of(3), 1) == 2
    assert capacity.least(group_of(3), 3) == 1
    assert capacity.least(group_of(0), 0) == 0
