"""Small worlds for tests of decisions."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from domain.group_health import group_health
from domain.models import Deployment, Group, Image, Instance, State, TargetState
from domain.retention import why_an_image_stays

ARNS = ("arn:tg/one", "arn:tg/two")


def instance(
    number: int, state: str = "healthy", lifecycle: str = "InService", reason: str = ""
) -> Instance:
    return Instance(
        id=f"i-{number}",
        lifecycle=lifecycle,
        targets={arn: TargetState(state=state, reason=reason) for arn in ARNS},
    )


def group(*instances: Instance, desired: int = 2, **more: object) -> Group:
    """As a look found it that wanted the ids of all of its instances."""
    sizes = {"instances": len(instances), "units": sum(i.weight for i in instances)}
    made = Group(name="green", min=0, max=10, desired=desired, **sizes, **more)
    return made.model_copy(update={"health": group_health(made, instances, ARNS)})


def deployment(
    name: str,
    served_at: str = "",
    state: State | None = State.PARKED,
    commit: str = "",
    **sizes: int,
) -> Deployment:
    return Deployment(
        name=name,
        tag=name,
        commit=commit or name,
        state=state,
        served_at=served_at,
        group=Group(name=name, min=0, max=10, desired=sizes.get("desired", 0)),
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
    return [
        image
        for image in images
        if not why_an_image_stays(
            image, kept, pruned, now=now, unreleased=unreleased, shared=shared
        )
    ]
