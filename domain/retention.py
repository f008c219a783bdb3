"""What may be thrown away, and what does a rollback go back to?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from domain.models import Deployment, Image, State


def to_prune(deployments: Iterable[Deployment], keep: int) -> list[Deployment]:
    """
    All but the last `keep` deployments that served, the serving one included; oldest first.

    A deployment that never served is not counted, nor pruned here: it belongs to a release that is under way or failed.
    One that serves, or whose group still has capacity or is attached, is kept whatever its age.
    """
    newest_first = sorted(
        served(deployments), key=lambda deployment: deployment.served_at, reverse=True
    )
    return [deployment for deployment in reversed(newest_first[keep:]) if not in_use(deployment)]


def served(deployments: Iterable[Deployment]) -> list[Deployment]:
    return [deployment for deployment in deployments if deployment.served_at]


def in_use(deployment: Deployment) -> bool:
    group = deployment.group
    return bool(
        deployment.state is State.SERVING or group.desired or group.instances or group.target_groups
    )


def images_to_prune(
    images: Iterable[Image],
    kept: Collection[Deployment],
    pruned: Collection[Deployment],
    *,
    now: datetime,
    unreleased: timedelta,
    shared: timedelta = timedelta(0),
) -> list[Image]:
    """
    Images of pruned deployments, those that an earlier prune disabled and did not get to remove, and those that no deployment
    ever used and that are older than `unreleased`.

    By commit, since several stacks share an image. Whether anything else uses one is asked of AWS before it goes, which does not say what
    another account uses: one that is shared goes only when it is older than `shared`.
    """
    keep = {deployment.commit for deployment in kept}
    gone = {deployment.commit for deployment in pruned}
    return [
        image
        for image in images
        if image.commit not in keep
        and (
            image.commit in gone or image.state == "disabled" or _older_than(image, now, unreleased)
        )
        and (not image.shared_with or image.state == "disabled" or _older_than(image, now, shared))
    ]


def in_the_way(image: Image, users: Sequence[str]) -> str:
    """Why an image that could go stays; empty where it goes. `users` is what AWS shows to use it."""
    if image.protection == "foreign":
        return "somebody protects it against being deregistered"
    return f"it is used by {', '.join(users[:3])}" if users else ""


def _older_than(image: Image, now: datetime, age: timedelta) -> bool:
    """An image without a readable creation time is never old: unknown means keep."""
    try:
        return now - datetime.fromisoformat(image.created_at) > age
    except (ValueError, TypeError):
        return False
