"""One side of a release, blue or green, in words."""

from __future__ import annotations

from domain.status import Side


def side_text(side: Side) -> str:
    if not side.in_balancer:
        return f"{side.tag}: {side.desired} wanted, out of the balancer"
    return f"{side.tag}: {'?' if side.healthy is None else side.healthy}/{side.desired} healthy"
