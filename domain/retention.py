"""What may be pruned."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from domain.models import Deployment, Image, State
from domain.tags import moment


def to_prune(deployments: Iterable[Deployment], keep: int) -> list[Deployment]:
    """
    All but the last `keep` deployments that served, the serving one included; oldest first.

    A deployment that never served is neither counted nor pruned here: it belongs to a release that
    runs or failed. A deployment that serves, has capacity or is attached is always kept, and so is
    one whose time nobody can read.
    """
    newest_first = sorted(served(deployments), key=_served_at, reverse=True)
    return [d for d in reversed(newest_first[keep:]) if moment(d.served_at) and not in_use(d)]


def _served_at(deployment: Deployment) -> datetime:
    return moment(deployment.served_at) or datetime.max.replace(tzinfo=UTC)


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
    Images to prune: of pruned deployments, disabled by an earlier prune, or never deployed.

    An image that was never deployed must be older than `unreleased`. Images are matched by commit,
    since several stacks share one. The caller asks AWS what else uses an image; AWS does not show
    the use in other accounts, so a shared image must also be older than `shared`.
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
    """Why the image must stay; empty where it may go. `users` are the resources that use it."""
    if image.protection == "foreign":
        return "somebody protects it against being deregistered"
    return f"it is used by {', '.join(users[:3])}" if users else ""


def _older_than(image: Image, now: datetime, age: timedelta) -> bool:
    """False where the creation time cannot be read: the image is kept."""
    created = moment(image.created_at)
    return created is not None and now - created > age
