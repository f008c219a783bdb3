"""How large must green be?"""

from __future__ import annotations

import math
from collections.abc import Mapping

from domain import names
from domain.errors import Conflict
from domain.group_settings import Capacity
from domain.models import Deployment, Group
from domain.tags import size_tag


def needed(blue: Group | None, capacity: Capacity) -> int:
    """
    The desired size of green: blue's current size, and at least the stack's minimum.

    A first deployment has no blue: it gets `desired`, or else the minimum. The size may exceed
    the stack's maximum: blue has that many instances because its load needs them.
    """
    if blue is None:
        return capacity.desired if capacity.desired is not None else capacity.min
    return max(blue.desired, capacity.min)


def bounds(size: int, capacity: Capacity) -> tuple[int, int]:
    """
    Minimum and maximum of a green of this size while both versions serve.

    The minimum equals the size. Green shares the load with blue, which lowers its metrics, and
    its scaling policies would otherwise scale it in.
    """
    return size, max(size, capacity.max)


def refuse_other_units(
    blue: Deployment | None, weights: Mapping[str, int], capacity: Capacity
) -> None:
    """
    Raises Conflict where green would be smaller than blue because their weights differ.

    A group's size is in units of its own weights. Six instances of weight 1 have the size 6, and
    so do three instances of weight 2. capacity.min can make up for the difference.
    """
    if blue is None:
        return
    # A group without weights counts each instance, of any type, as one.
    theirs = blue.group.weights or {next(iter(weights)): 1}
    factor = max(
        (weights[kind] / theirs[kind] for kind in weights.keys() & theirs.keys()), default=1.0
    )
    least = math.ceil(blue.group.desired * factor)
    if factor > 1 and capacity.min < least:
        raise Conflict(
            f"{blue.name} has the size {blue.group.desired} in units of its own, and the "
            f"stack's weights are {factor:g} times as heavy: the new version would be smaller. "
            f"Set capacity.min to {least} for this release, and max to fit"
        )


def is_below_its_size(group: Group) -> bool:
    """Is its minimum below its size, so that it must be pinned while two versions serve?"""
    return group.min < group.desired


def own_minimum(group: Group) -> int:
    """
    The minimum that the group has when nothing pins it.

    A terminated release may have left its pin; the tag holds the minimum from before the pin.
    """
    before = size_tag(group.tags, names.RESTORE_MIN)
    return group.min if before is None else min(before, group.min)


def restored(group: Group, before: Group | None, beside: int) -> tuple[int, int] | None:
    """
    Maximum and desired size of what must serve again; None where it is large enough.

    At least as large as it was `before` the run, and as what serves `beside` it meanwhile. Sizes
    are only raised: an empty group is not restored.
    """
    desired = max(group.desired, before.desired if before else 0, beside)
    most = max(group.max, before.max if before else 0)
    # Another one may be larger than this one's maximum, which is its owner's word.
    desired = max(group.desired, min(desired, most))
    if (desired, most) == (group.desired, group.max):
        return None
    return most, desired


def least(group: Group, missing: int) -> int:
    """How many units must be healthy where `missing` of them were not when all was well."""
    return max(min(1, group.desired), group.desired - max(0, missing))
