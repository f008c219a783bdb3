"""What a rollback may choose."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import InvalidRequest
from domain.models import Deployment, Group, Image, State
from domain.rollback import candidates, choose
from tests.domain.worlds import deployment


def images(*commits: str) -> list[Image]:
    return [
        Image(
            id=f"ami-{commit}", name=commit, tag=commit, commit=commit, created_at=f"2026-11-{n:02}"
        )
        for n, commit in enumerate(commits, 1)
    ]


def test_without_a_wish_the_one_that_served_before_is_chosen() -> None:
    kept = [
        deployment("v1", served_at="2026-11-01"),
        deployment("v3", served_at="2026-11-03", state=State.SERVING, desired=2),
        deployment("v2", served_at="2026-11-02"),
        deployment("v4", state=None),
    ]
    board = candidates(kept, images("v0", "v1", "v2", "v3"))

    assert [c.tag for c in board] == ["v3", "v2", "v1", "v0"]
    assert choose("production", board, None).tag == "v2"
    assert choose("production", board, "v1").deployment == "v1"
    assert choose("production", board, "v0").deployment is None
    with pytest.raises(InvalidRequest, match="v7 is not kept; there are: v2, v1, v0"):
        choose("production", board, "v7")
    with pytest.raises(InvalidRequest, match="it serves"):
        choose("production", board, "v3")


@pytest.mark.parametrize(
    ("more", "without_image", "why"),
    [
        ({}, True, "its image is gone"),
        ({"target_groups": ("arn",)}, False, "attached it to a load balancer"),
        ({"desired": 3}, False, "its desired size is 3; `ovenbird sweep STACK --apply` parks it"),
        ({"suspended": ("Launch",)}, False, "suspended Launch"),
    ],
)
def test_what_stands_in_the_way_is_said(
    more: dict[str, Any], without_image: bool, why: str
) -> None:
    group = Group(**({"name": "v1", "min": 0, "max": 0, "desired": 0} | more))
    kept = [
        Deployment(
            name="v1",
            tag="v1",
            commit="v1",
            state=State.PARKED,
            served_at="2026-11-01",
            group=group,
        )
    ]
    with pytest.raises(InvalidRequest, match=why):
        choose("production", candidates(kept, [] if without_image else images("v1")), None)


@pytest.mark.parametrize(
    "left", [{"leaving": 2, "lingering": 2}, {"suspended": ("Terminate",)}, {}]
)
def test_what_is_parked_and_not_yet_empty_can_serve_again(left: dict[str, Any]) -> None:
    """It is out of the balancer: what leaves goes on leaving, what stays serves once woken."""
    group = Group(name="v1", min=0, max=0, desired=0, instances=2, **left)
    kept = deployment("v1", served_at="2026-11-01").model_copy(update={"group": group})

    assert choose("production", candidates([kept], images("v1")), None).deployment == "v1"
