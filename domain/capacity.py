"""How large must green be?"""

from __future__ import annotations

import math
from collections.abc import Mapping

from domain import names
from domain.config import Capacity
from domain.errors import Conflict
from domain.models import Deployment, Group


def needed(blue: Group | None, capacity: Capacity) -> int:
    """
    As large as blue is now, never below the stack's minimum; without a blue, what the stack asks of a first deployment.

    Above the stack's maximum where blue is: blue's load is real, whatever the file says.
    """
    if blue is None:
        return capacity.desired if capacity.desired is not None else capacity.min
    return max(blue.desired, capacity.min)


def bounds(size: int, capacity: Capacity) -> tuple[int, int]:
    """
    Minimum and maximum of a green of this size while both serve.

    The minimum is pinned to the size: sharing the load with blue halves the metric, and a policy would scale green in.
    """
    return size, max(size, capacity.max)


def refuse_other_units(
    blue: Deployment | None, weights: Mapping[str, int], capacity: Capacity
) -> None:
    """
    Raises Conflict where the stack's weights, by instance type, make blue's size a smaller one for green, and its minimum does not make up for it.

    Blue's size is in its own units: six instances that weigh one each are as large as three that weigh two, and say six all the same.
    """
    if blue is None:
        return
    # Without weights of its own each of its instances, whatever its type, counts as one.
    theirs = blue.group.weights or {next(iter(weights)): 1}
    factor = max(
        (weights[kind] / theirs[kind] for kind in weights.keys() & theirs.keys()), default=1.0
    )
    least = math.ceil(blue.group.desired * factor)
    if factor > 1 and capacity.min < least:
        raise Conflict(
            f"{blue.name} has the size {blue.group.desired} in units of its own, and the stack's weights are {factor:g} times as heavy: the new "
            f"version would be smaller. Set capacity.min to {least} for this release, and max to fit"
        )


def own_minimum(group: Group) -> int:
    """Its minimum but for a pin: a terminated release may have left one, and the tag says what it was before."""
    before = group.tags.get(names.RESTORE_MIN, "")
    return int(before) if before.isdigit() and int(before) < group.min else group.min
