"""Whatever it meets, a sweep makes nothing worse, and a release that points to it is right."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain import names, sweep, sweep_plausible
from domain.errors import Conflict
from domain.live import refuse_where_another_serves
from domain.models import State
from domain.sweep_traffic import beside, dispute
from domain.traffic import routing
from tests.domain.standings import GONE, ONE, PAIR, TWO, standing, world

SIZES = st.integers(0, 4)


@st.composite
def worlds(draw: st.DrawFn) -> sweep.Inventory:
    made, healthy = [], {}
    weighted = draw(st.booleans())
    for number in range(draw(st.integers(0, 3))):
        name, size = f"d{number}", draw(SIZES)
        state = draw(st.sampled_from([None, *State]))
        places = st.sampled_from([(), (ONE,), (TWO,)] if weighted else [(), (ONE,), PAIR])
        at = draw(places)
        made.append(
            standing(
                name,
                state,
                at,
                size=size,
                max=size + draw(SIZES),
                served_at=draw(st.sampled_from(["", "2026-10-01"])) if not state else "2026-11-01",
                release=draw(st.sampled_from(["", GONE])),
                tags={names.WOKEN_BY: draw(st.sampled_from(["", GONE]))},
            )
        )
        # A detached group may have targets that a person registered.
        there = at or draw(places)
        healthy[name] = {arn: n for arn in there if (n := draw(st.integers(0, size)))}
    weights = {arn: draw(st.sampled_from([0, 10, 90])) for arn in PAIR} if weighted else None
    return world(*made, weights=weights, **healthy)


def carrying(inventory: sweep.Inventory) -> set[str]:
    rules = inventory.rules
    return {a for a in PAIR if not rules or any(rule.weights[a] for rule in rules)}


def after(inventory: sweep.Inventory) -> tuple[set[str], dict[str, dict[str, int]]]:
    """
    The target groups that get traffic, and who is healthy where, once the sweep has cleared all.

    Nothing becomes healthy by hope: only what is completely healthy is believed to grow.
    """
    found = sweep.find(inventory, ())
    healthy = {name: dict(there) for name, there in inventory.healthy.items()}
    if dispute(inventory, found) or sweep_plausible.looks_wrong(inventory, found, 1):
        return carrying(inventory), healthy
    gone = {f.name for f in found if f.action in ("park", "remove group")}
    weighed = [f.name for f in found if f.action == "weigh"]
    losing = [d for d in beside(inventory) if weighed or d.name in gone]
    largest, home = max((d.group.desired for d in losing), default=0), sweep.home(inventory)
    for serving in (d for d in inventory.deployments if d.state is State.SERVING):
        size = serving.group.desired
        for arn, units in healthy[serving.name].items():
            if 0 < size <= units:
                healthy[serving.name][arn] = max(units, min(largest, serving.group.max))
        # A sweep waits until all of it is healthy there before it moves any weight.
        if weighed and home and healthy[serving.name]:
            healthy[serving.name].setdefault(home, max(healthy[serving.name].values()))
    places = {home} if weighed and home else carrying(inventory)
    return places, {name: there for name, there in healthy.items() if name not in gone}


@given(worlds())
def test_who_was_healthy_with_traffic_still_is_or_somebody_as_large(
    inventory: sweep.Inventory,
) -> None:
    places, healthy = after(inventory)
    for name, there in inventory.healthy.items():
        for arn in there.keys() & carrying(inventory):
            theirs = places if inventory.rules else {arn}
            best = max((h.get(a, 0) for h in healthy.values() for a in theirs & places), default=0)
            assert best >= there[arn], name


def refused(inventory: sweep.Inventory) -> bool:
    blue = next((d for d in inventory.deployments if d.state is State.SERVING), None)
    try:
        refuse_where_another_serves("shop", blue, inventory.deployments, PAIR)
        if inventory.rules:
            routing("shop", inventory.rules, PAIR, (), blue)
    except Conflict as conflict:
        return "`ovenbird sweep" in str(conflict) or blue is None
    return False


def cleared(inventory: sweep.Inventory) -> sweep.Inventory:
    """After a sweep that has done all that it found."""
    places, healthy = after(inventory)
    found = {(f.action, f.name) for f in sweep.find(inventory, ())}
    home = sweep.home(inventory)
    left = []
    for d in inventory.deployments:
        group = d.group
        if ("attach", d.name) in found:
            group = group.model_copy(update={"target_groups": (home,) if home else PAIR})
        if ("park", d.name) in found:
            empty = {"desired": 0, "instances": 0, "target_groups": (), "tags": {}}
            group = group.model_copy(update=empty)
        if ("remove group", d.name) not in found:
            left.append(d.model_copy(update={"group": group}))
    weights = {arn: int(arn in places) for arn in PAIR} if inventory.rules else None
    return world(*left, weights=weights, **healthy)


@given(worlds())
def test_what_a_release_is_refused_for_is_cleared_by_sweeps_or_asked_about(
    inventory: sweep.Inventory,
) -> None:
    if sum(d.state is State.SERVING for d in inventory.deployments) > 1:
        return
    for _ in range(2):
        if not refused(inventory) or dispute(inventory, sweep.find(inventory, ())):
            return
        inventory = cleared(inventory)
    assert not refused(inventory) or dispute(inventory, sweep.find(inventory, ()))
