"""Which deployment does a rollback return to, and what blocks it?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from domain import names
from domain.errors import InvalidRequest
from domain.models import Deployment, Image, State
from domain.plan import Candidate
from domain.tags import moment


def candidates(
    deployments: Iterable[Deployment], images: Iterable[Image], *, force: bool = False
) -> list[Candidate]:
    """
    The kept deployments that served, newest first; then the images without one, newest first.

    What served before a contraction of the database is blocked unless `force` is set. An image
    without a deployment counts as older than every deployment.
    """
    kept = sorted((d for d in deployments if d.served_at), key=_served_at, reverse=True)
    available = sorted(
        (image for image in images if image.state == "available"),
        key=lambda image: image.created_at,
        reverse=True,
    )
    by_commit = {image.commit: image.id for image in reversed(available)}
    board = [
        Candidate(
            deployment=d.name,
            tag=d.tag,
            commit=d.commit,
            state=str(d.state or "unmarked"),
            served_at=d.served_at,
            image=by_commit.get(d.commit),
            blocked=_blocked(d, by_commit) or ("" if force else _behind(kept[:number])),
        )
        for number, d in enumerate(kept)
    ]
    behind = "" if force else _behind(kept)
    return [*board, *_images_only(available, {d.commit for d in kept}, behind)]


def _served_at(deployment: Deployment) -> datetime:
    """Somebody may have changed the tag: what it no longer says counts as the oldest."""
    return moment(deployment.served_at) or datetime.min.replace(tzinfo=UTC)


def _images_only(newest_first: Iterable[Image], kept: set[str], blocked: str) -> list[Candidate]:
    """The newest image of each commit that no kept deployment runs."""
    newest: dict[str, Image] = {}
    for image in newest_first:
        if image.commit and image.commit not in kept:
            newest.setdefault(image.commit, image)
    return [
        Candidate(
            deployment=None,
            tag=image.tag,
            commit=image.commit,
            state="image only",
            image=image.id,
            blocked=blocked,
        )
        for image in newest.values()
    ]


def choose(stack: str, board: Iterable[Candidate], to: str | None) -> Candidate:
    """
    The candidate that `to` names (a deployment or a tag), else the previous one that served.

    The newest where several have the tag. Raises InvalidRequest, which lists the candidates, or
    says what blocks the one that was asked for.
    """
    board = list(board)
    previous = (c for c in board if c.deployment and c.state != State.SERVING)
    fitting = [c for c in board if to in (c.deployment, c.tag)] if to else list(previous)[:1]
    if not fitting:
        there_are = ", ".join(dict.fromkeys(c.tag for c in board if not c.blocked)) or "none"
        wanted = f"{to} is not kept" if to else "no earlier deployment is kept"
        raise InvalidRequest(f"{stack} cannot be rolled back: {wanted}; there are: {there_are}")
    free = [c for c in fitting if not c.blocked]
    if not free:
        first = fitting[0]
        raise InvalidRequest(
            f"{stack} cannot be rolled back to {first.tag} ({first.deployment}): {first.blocked}"
        )
    return free[0]


def _behind(newer: Iterable[Deployment]) -> str:
    """Why what served before these deployments (newest first) cannot serve again; else empty."""
    contracted = [d.tag for d in newer if d.group.tags.get(names.CONTRACTION)]
    return (
        f"{contracted[-1]} took away from the database what it needs; force it if you know better"
        if contracted
        else ""
    )


def _blocked(deployment: Deployment, images: dict[str, str]) -> str:
    group = deployment.group
    sweep = f"`ovenbird sweep {group.tags.get(names.STACK, 'STACK')} --apply`"
    if deployment.state is State.SERVING:
        return "it serves"
    if woken := group.tags.get(names.WOKEN_BY):
        return f"{woken} woke it and did not end well: {sweep} parks it again"
    # An adopted group was launched from an image that Ovenbird neither made nor removes.
    if deployment.commit not in images and not group.tags.get(names.ADOPTED):
        return "its image is gone"
    if group.target_groups:
        return "somebody attached it to a load balancer"
    # What it still has of instances is out of the balancer: it ends, or serves again once woken.
    if group.desired:
        return f"it is not parked: its desired size is {group.desired}; {sweep} parks it"
    if "Launch" in group.suspended:
        return "somebody suspended Launch"
    return ""
