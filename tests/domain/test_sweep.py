"""What a sweep may take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import names, sweep, sweep_ages, sweep_plausible, sweep_traffic
from domain.capacity import own_minimum
from domain.errors import Conflict
from domain.live import refuse_where_another_serves
from domain.models import Deployment, Group, State
from tests.domain.worlds import deployment

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG_AGO, JUST_NOW = (NOW - timedelta(days=1)).isoformat(), (NOW - timedelta(minutes=1)).isoformat()
AGE = timedelta(hours=1)


GROUPS = st.lists(
    st.builds(
        lambda served, state, size, attached, pinned, woken, release: (
            served,
            state,
            size,
            attached,
            pinned,
            woken,
            release,
        ),
        st.booleans(),
        st.sampled_from([None, *State]),
        st.integers(0, 3),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["", "runs", "gone"]),
        st.sampled_from(["", "runs", "gone"]),
    ),
    max_size=8,
)


def inventory(rows: list[Any]) -> sweep.Inventory:
    made = []
    for number, (served, state, size, attached, pinned, woken, release) in enumerate(rows):
        tags = {names.WOKEN_BY: woken} | ({names.RESTORE_MIN: "0"} if pinned else {})
        group = Group(
            name=f"d{number}",
            min=size if pinned else 0,
            max=9,
            desired=size,
            target_groups=("arn",) if attached else (),
            tags=tags,
            instances=size,
        )
        made.append(
            Deployment(
                name=group.name,
                tag=group.name,
                release=release,
                state=state,
                served_at="2026-11-01" if served else "",
                group=group,
            )
        )
    return sweep.Inventory(
        deployments=tuple(made), created_at={d.name: LONG_AGO for d in made}, target_groups=("arn",)
    )


@given(GROUPS)
def test_a_sweep_never_takes_what_served_or_whose_release_runs(rows: list[Any]) -> None:
    found = inventory(rows)
    by_name = {d.name: d for d in found.deployments}
    for finding in sweep.find(found, {"runs"}):
        it = by_name[finding.name]
        if finding.action == "remove group":
            assert not it.served_at
            assert it.state is not State.SERVING
            assert it.release == "gone"
        if finding.action == "park":
            assert it.state is State.PARKED
            assert it.group.tags[names.WOKEN_BY] != "runs"
        if finding.action in ("attach", "unpin"):
            assert it.state is State.SERVING


def ripe(found: sweep.Inventory) -> list[sweep.Finding]:
    """What may be touched now, as far as AWS alone says how old it is."""
    dated = sweep_ages.dated(sweep.find(found, {"runs"}), {}, now=NOW, age=AGE, surely=None)
    return [finding for finding in dated if not finding.not_before]


@given(GROUPS)
def test_what_is_younger_than_the_age_is_left_alone(rows: list[Any]) -> None:
    found = inventory(rows)
    young = found.model_copy(update={"created_at": {d.name: JUST_NOW for d in found.deployments}})

    assert not [f for f in ripe(young) if f.action == "remove group"]


def owned(
    kind: str, name: str, *, release: str = "gone", created_at: str = LONG_AGO
) -> sweep.Owned:
    return sweep.Owned(
        kind=kind, id=f"id-{name}", name=name, release=release, created_at=created_at
    )


def test_templates_without_a_group_and_builders_without_a_bake_go() -> None:
    found = sweep.Inventory(
        deployments=(deployment("kept", served_at="2026-11-01", state=State.SERVING, desired=1),),
        owned=(
            owned("launch template", "kept"),
            owned("launch template", "lost"),
            owned("launch template", "new", created_at=JUST_NOW),
            owned("launch template", "theirs", release=""),
            owned("instance", "builder"),
            owned("security group", "bake", created_at=""),
            owned("instance", "other", release="runs"),
        ),
    )

    assert [(f.action, f.name) for f in ripe(found)] == [
        ("remove template", "lost"),
        ("remove bake", "id-builder, id-bake"),
    ]


def test_a_bake_is_as_old_as_the_youngest_of_what_it_made() -> None:
    """A security group has no creation time."""
    found = sweep.Inventory(
        owned=(
            owned("instance", "builder", created_at=JUST_NOW),
            owned("security group", "bake", created_at=""),
        )
    )

    assert ripe(found) == []


def served(name: str, *target_groups: str, **more: Any) -> Deployment:
    it = deployment(name, served_at="2026-11-01", state=State.SERVING, desired=2)
    return it.model_copy(
        update={"group": it.group.model_copy(update={"target_groups": target_groups} | more)}
    )


def test_what_serves_is_attached_where_it_is_nowhere() -> None:
    for target_groups, actions in (((), ["attach"]), (("one",), []), (("one", "two"), [])):
        found = sweep.Inventory(
            deployments=(served("v1", *target_groups),), target_groups=("one", "two")
        )
        assert [f.action for f in sweep.find(found, ())] == actions


def test_a_pin_that_was_left_is_known_by_its_tag() -> None:
    for tag, minimum, own in (("1", 3, 1), ("", 3, 3), ("3", 3, 3), ("7", 3, 3)):
        it = served("v1", "one", min=minimum, tags={names.RESTORE_MIN: tag})
        found = sweep.Inventory(deployments=(it,), target_groups=("one",))
        assert own_minimum(it.group) == own
        assert [f.action for f in sweep.find(found, ())] == (["unpin"] if own != minimum else [])


def test_what_alone_gets_traffic_is_not_swept_because_no_tag_says_that_it_serves() -> None:
    alone = served("v1", "one")
    never = alone.model_copy(update={"served_at": "", "state": None, "release": "gone"})
    found = sweep.Inventory(
        deployments=(never,), created_at={"v1": LONG_AGO}, target_groups=("one",)
    )
    asked = sweep_traffic.dispute(found, sweep.find(found, ()))

    assert asked
    words = asked.words
    assert "ResourceId=v1,ResourceType=auto-scaling-group,Key=ovenbird:state,Value=serving" in words
    assert (
        "detach-load-balancer-target-groups --auto-scaling-group-name v1 --target-group-arns one"
        in words
    )


def test_a_release_does_not_begin_beside_what_a_terminated_one_left() -> None:
    blue, left = served("v1", "one"), deployment("v2", state=None, desired=2)
    attached = left.model_copy(
        update={"group": left.group.model_copy(update={"target_groups": ("one",)})}
    )
    empty = attached.model_copy(update={"group": attached.group.model_copy(update={"desired": 0})})

    refuse_where_another_serves("shop", blue, [blue, left, empty], ["one"])
    refuse_where_another_serves("shop", None, [left], ["one"])
    for serving, deployments, words in (
        (blue, [blue, attached], "v2 is in the load balancer as well as v1"),
        (served("v1"), [served("v1")], "v1 serves by its tag, and is in none"),
        (None, [attached], "v2 is in the load balancer. To keep it"),
    ):
        with pytest.raises(Conflict, match=words):
            refuse_where_another_serves("shop", serving, deployments, ["one"])


@given(st.text(max_size=60), st.uuids())
def test_an_owners_tag_gives_back_the_very_workflow(workflow_id: str, run: UUID) -> None:
    value = names.owner(workflow_id, str(run))

    assert len(value) <= 256
    assert names.tag_value(value) == value.strip()
    assert names.owner_workflow(value) in (workflow_id, "")
    assert (
        names.owner_workflow(names.owner("bake-shop-v1.0,rc#1-0a1b", "run"))
        == "bake-shop-v1.0,rc#1-0a1b"
    )


def looks_wrong(deployments: list[Deployment], *templates: str, share: float = 0.5) -> str:
    found = sweep.Inventory(
        deployments=tuple(d.model_copy(update={"release": "gone"}) for d in deployments),
        created_at={d.name: LONG_AGO for d in deployments},
        owned=tuple(owned("launch template", name) for name in templates),
    )
    return sweep_plausible.looks_wrong(found, sweep.find(found, ()), share)


def test_a_sweep_stops_itself_when_its_input_looks_wrong() -> None:
    serving, parked = (
        deployment("a", served_at="2026-11-02", state=State.SERVING, desired=1),
        deployment("b", served_at="2026-11-01"),
    )
    never = [deployment(f"n{n}", state=None, desired=1) for n in range(3)]

    assert looks_wrong([serving, parked], "a", "b") == ""
    assert looks_wrong([serving, parked, never[0]], "a", "b", "n0") == ""
    assert "2 groups say that they serve" in looks_wrong(
        [serving, serving.model_copy(update={"name": "c"})]
    )
    assert "none that serves" in looks_wrong([parked])
    assert "no group of this stack, but 2 launch templates" in looks_wrong([], "a", "b")
    assert "3 of 4 deployments would go" in looks_wrong([serving, *never])
