"""What must be so at the end of every run, whatever its test is about: the design's invariants."""

from __future__ import annotations

from typing import Any

from domain import lifecycle, names
from domain.models import State
from tests.workflows.account import Account, ScalingGroup
from tests.workflows.world import World

# What belongs to a release that is under way, and is empty or absent once none is.
PASSING = (names.RESTORE_MIN, names.RESTORE_REBALANCE, names.WOKEN_BY)


def standing(account: Account) -> dict[str, Any]:
    """All that a release could have changed, but images: a finished bake may leave one."""
    return {
        "groups": {group.name: _group(group) for group in account.groups.values()},
        "launch templates": dict(account.template_images),
        "launch configurations": dict(account.configurations),
        "rules": {rule.arn: rule.weights for rule in account.rules.values()},
        "builders": sorted(account.builders),
        "security groups": sorted(account.security_groups),
    }


def _group(group: ScalingGroup) -> dict[str, Any]:
    return {
        "sizes": (group.min, group.desired, group.max),
        "target groups": sorted(group.target_groups),
        "suspended": sorted(group.suspended),
        "tags": {key: value for key, value in group.tags.items() if value},
        "schedule": group.schedule,
        "warm pool": group.warm_pool,
        "on demand": group.on_demand,
        # What waits for a lifecycle hook ends without us.
        "instances": len([m for m in group.machines if not lifecycle.lingers(m.lifecycle)]),
    }


def nothing_was_left(world: World, status: dict[str, Any]) -> None:
    """Blue is as before; of the release nothing is in the account, nor open in its ledger."""
    assert standing(world.account) == standing(world.before)
    assert world.capacity() >= world.needed
    assert set(world.before.images) <= set(world.account.images)
    left = [entry for entry in status["ledger"] if not entry["gone"]]
    assert left == []


def it_serves_alone(world: World, result: dict[str, Any], status: dict[str, Any]) -> None:
    """Green is marked and has all of the traffic; blue is parked, its sizes are written down."""
    account = world.account
    green = account.groups[result["deployment"]]
    marked = [g.name for g in account.groups.values() if g.tags.get(names.STATE) == State.SERVING]
    assert marked == [green.name]
    assert green.tags[names.SERVED_AT]
    assert [key for key in PASSING if green.tags.get(key)] == []
    assert "AZRebalance" not in green.suspended
    assert world.needed <= world.capacity()
    assert world.with_traffic() == sorted(set(green.target_groups) & set(world.with_traffic()))
    others = [group for group in account.groups.values() if group is not green]
    assert [g.name for g in others if set(g.target_groups) & set(world.arns)] == []
    assert [
        rule.arn for rule in account.rules.values() if not _of(green, rule.weights, world)
    ] == []
    if result["parked"]:
        _is_parked(account.groups[result["parked"]], green, world)
    _is_balanced(account, status)


def _of(green: ScalingGroup, weights: dict[str, int], world: World) -> bool:
    """Has it all of the weight that the stack's target groups have?"""
    return all(arn in green.target_groups for arn in world.arns if weights.get(arn))


def _is_parked(blue: ScalingGroup, green: ScalingGroup, world: World) -> None:
    before = world.before.groups[blue.name]
    assert (blue.min, blue.desired, blue.max) == (0, 0, 0)
    assert [m for m in blue.machines if not lifecycle.lingers(m.lifecycle)] == []
    assert blue.tags[names.STATE] == State.PARKED
    assert blue.tags[names.RESTORE_MIN] == str(before.min)
    assert blue.tags[names.RESTORE_MAX] == str(before.max)
    # A rollback would suspend AZRebalance again: a parked group keeps it so.
    assert blue.suspended == before.suspended | {"AZRebalance"}
    assert green.desired >= int(blue.tags[names.RESTORE_DESIRED])
    assert green.schedule[-len(before.schedule) :] == before.schedule
    assert blue.schedule == []


def _is_balanced(account: Account, status: dict[str, Any]) -> None:
    """What the ledger has as made and not gone is there; nothing in it is only intended."""
    there = {
        "Auto Scaling group": account.groups.keys(),
        "launch template": account.template_images.keys(),
        "launch configuration": account.configurations.keys(),
        "image": account.images.keys(),
    }
    for entry in status["ledger"]:
        assert entry["gone"] or entry["made"], entry
        assert (entry["name"] in there[entry["kind"]]) is not bool(entry["gone"]), entry
