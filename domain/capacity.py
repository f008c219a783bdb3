"""How large must green be?"""

from __future__ import annotations

from domain import names
from domain.config import Capacity
from domain.models import Group


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


def own_minimum(group: Group) -> int:
    """Its minimum but for a pin: a terminated release may have left one, and the tag says what it was before."""
    before = group.tags.get(names.RESTORE_MIN, "")
    return int(before) if before.isdigit() and int(before) < group.min else group.min
