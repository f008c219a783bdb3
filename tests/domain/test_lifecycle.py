"""Each lifecycle state of AWS has one place, in every look."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from domain import lifecycle
from domain.health import Healthy, NotYet, Seen, Unhealthy, health_of, judge
from domain.lifecycle import PLACES, Place
from domain.models import Group
from tests.domain.worlds import group, instance

LEAVES = [state for state in PLACES if lifecycle.leaves(state)]
STAYS = [state for state in PLACES if lifecycle.counts(state) and state != "InService"]


def test_every_state_that_aws_names_has_its_place() -> None:
    client: Any = boto3.client("autoscaling", region_name="eu-west-1")
    model = client.meta.service_model

    assert set(model.shape_for("LifecycleState").enum) == set(PLACES)


def test_what_serves_alone_is_in_service() -> None:
    assert [state for state in PLACES if lifecycle.serves(state)] == ["InService"]
    assert not lifecycle.serves("Dreaming")


def verdict(read: Group, *, excused: frozenset[str] | None = frozenset()) -> object:
    seen = Seen(excused=excused)
    for _ in range(2):
        seen = seen.with_read(health_of(read))
    return judge(read, seen, waited=1, timeout=60, reads=2)


@pytest.mark.parametrize("state", [*LEAVES, "Standby", "EnteringStandby"])
def test_what_does_not_serve_any_more_holds_nobody_up_beside_its_successor(state: str) -> None:
    read = group(instance(1), instance(2), instance(3, "unused", lifecycle=state))

    assert verdict(read, excused=None) == Healthy()


@pytest.mark.parametrize("state", LEAVES)
def test_what_a_new_version_loses_at_its_start_is_counted(state: str) -> None:
    read = group(instance(1), instance(2), instance(3, "unused", lifecycle=state))

    assert isinstance(verdict(read), Unhealthy)


@pytest.mark.parametrize("state", LEAVES)
def test_what_is_lost_while_it_is_confirmed_is_counted(state: str) -> None:
    """What was leaving when the wait began is excused, and nothing else."""
    before = group(instance(1), instance(2), instance(3, lifecycle=state))
    after = group(instance(1), instance(2, lifecycle=state), instance(3, lifecycle=state))
    seen = Seen(excused=None).with_read(health_of(before)).with_read(health_of(after))

    assert seen.lost == {"i-2"}


@pytest.mark.parametrize("state", [*STAYS, "Dreaming"])
def test_what_is_to_serve_is_waited_for_and_named(state: str) -> None:
    result = verdict(group(instance(1), instance(2), instance(3, "unused", lifecycle=state)))

    assert isinstance(result, NotYet)
    assert state in result.reason


def test_a_state_that_aws_has_added_since_is_said_to_be_unknown() -> None:
    result = verdict(group(instance(1), instance(2, lifecycle="Dreaming")))

    assert isinstance(result, NotYet)
    assert "in a lifecycle state that is not known here: Dreaming" in result.reason
    assert lifecycle.place("Dreaming") is Place.UNKNOWN


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, ""),
        ({"suspended": ("Terminate",)}, "its process Terminate is suspended"),
        ({"suspended": ("Terminate",), "leaving": 2}, ""),
        ({"suspended": ("AZRebalance",)}, ""),
        ({"protected": 2}, "2 of its instances are protected from scale-in"),
        (
            {"protected": 1, "aside": 1},
            "1 of its instances are protected from scale-in and 1 of its instances are on Standby",
        ),
    ],
)
def test_what_keeps_a_group_from_becoming_empty_is_named(more: dict[str, Any], why: str) -> None:
    assert lifecycle.holds(Group(name="v1", min=0, max=0, desired=0, instances=2, **more)) == why
