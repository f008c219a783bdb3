"""What may be pruned, what stays, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from domain import names
from domain.errors import Conflict
from domain.live import find_blue, refuse_where_another_serves
from domain.models import Deployment, Image, Model, State
from domain.tags import moment

# So many names are shown where something has many users.
SHOWN = 3


class Verdict(Model):
    """
    Of one deployment or image, and why. `region` is where it is.

    "goes" and "stays" are what a prune would do. "gone" is what it has done, "left" is what should
    have gone and could not.
    """

    kind: Literal["deployment", "image"]
    name: str
    tag: str
    region: str
    verdict: Literal["goes", "stays", "gone", "left"]
    why: str


class Pruned(Model):
    """
    What a prune has done, or would do (`dry_run`).

    `under_way`: another run held the stack's lock meanwhile. `stopped` says why the prune ended
    before everything was done; it is empty where it did not.
    """

    stack: str
    dry_run: bool
    verdicts: tuple[Verdict, ...]
    under_way: bool = False
    stopped: str = ""


def refuse_to_prune(
    stack: str, deployments: Collection[Deployment], target_groups: Collection[str]
) -> None:
    """Raises Conflict where it is not certain what serves: the wrong deployments could go."""
    serving = find_blue(stack, deployments)
    refuse_where_another_serves(stack, serving, deployments, target_groups)
    if serving is None:
        raise Conflict(f"no deployment of {stack} is marked as serving, so nothing is pruned")


def to_prune(deployments: Iterable[Deployment], keep: int) -> list[Deployment]:
    """
    All but the last `keep` deployments that served, the serving one included; oldest first.

    A deployment that never served is neither counted nor pruned here: it belongs to a release that
    runs or failed. A deployment that serves, has capacity or is attached is always kept, and so is
    one whose time nobody can read.
    """
    surplus = reversed(_served_newest_first(deployments)[keep:])
    return [deployment for deployment in surplus if not in_use(deployment)]


def judge_deployments(
    deployments: Collection[Deployment], keep: int, region: str
) -> tuple[Verdict, ...]:
    """By the same rule as `to_prune`, with the reasons; newest first."""
    going = to_prune(deployments, keep)
    among_the_last = _served_newest_first(deployments)[:keep]
    newest_first = sorted(deployments, key=_served_at, reverse=True)
    return tuple(
        Verdict(
            kind="deployment",
            name=deployment.name,
            tag=deployment.tag,
            region=region,
            verdict="goes" if deployment in going else "stays",
            why=_why(deployment, keep, among_the_last=deployment in among_the_last),
        )
        for deployment in newest_first
    )


def _why(deployment: Deployment, keep: int, *, among_the_last: bool) -> str:
    if deployment.state is State.SERVING:
        return in_use(deployment)
    if not deployment.served_at:
        return "it never served: it belongs to a release that runs or has failed"
    if not _is_a_time(deployment.served_at):
        return f"its tag {names.SERVED_AT} is not a time: {deployment.served_at!r:.80}"
    if among_the_last:
        return f"it is one of the last {keep} that served"
    return in_use(deployment) or f"{keep} others have served after it"


def _served_newest_first(deployments: Iterable[Deployment]) -> list[Deployment]:
    """One whose time cannot be read is not among them: it is not pruned, and displaces no other."""
    served = [deployment for deployment in deployments if _is_a_time(deployment.served_at)]
    return sorted(served, key=_served_at, reverse=True)


def _is_a_time(text: str) -> bool:
    return moment(text) is not None


def _served_at(deployment: Deployment) -> datetime:
    return moment(deployment.served_at) or datetime.max.replace(tzinfo=UTC)


def in_use(deployment: Deployment) -> str:
    """Why a deployment stays whatever its age; empty where it is in no use."""
    group = deployment.group
    if deployment.state is State.SERVING:
        return "it serves"
    if group.target_groups:
        return f"it is in the load balancer: {', '.join(group.target_groups[:SHOWN])}"
    if group.instances:
        return f"it has {group.instances} instances"
    return f"its desired size is {group.desired}" if group.desired else ""


def why_an_image_stays(
    image: Image,
    kept: Collection[Deployment],
    pruned: Collection[Deployment],
    *,
    now: datetime,
    unreleased: timedelta,
    shared: timedelta = timedelta(0),
) -> str:
    """
    Empty where it may go: its deployment is pruned, an earlier prune has disabled it, or it was
    never deployed and is older than `unreleased`.

    Images are matched by commit, since several stacks share one. The caller asks AWS what else
    uses an image; AWS does not show the use in other accounts, so a shared image must also be older
    than `shared`.
    """
    if users := [deployment.name for deployment in kept if deployment.commit == image.commit]:
        return f"its commit is that of {', '.join(users[:SHOWN])}"
    if image.state == "disabled":
        return ""
    if image.commit not in {deployment.commit for deployment in pruned}:
        young = _younger_than(image, now, unreleased)
        if young:
            return f"no deployment of this stack has its commit, and {young}"
    if image.shared_with and (young := _younger_than(image, now, shared)):
        accounts = ", ".join(image.shared_with[:SHOWN])
        return f"it is shared with {accounts}, and {young}"
    return ""


def why_an_image_goes(image: Image, pruned: Iterable[Deployment], unreleased: timedelta) -> str:
    if image.state == "disabled":
        return "an earlier prune has disabled it"
    if users := [deployment.name for deployment in pruned if deployment.commit == image.commit]:
        return f"its commit is that of {', '.join(users[:SHOWN])}, which is pruned"
    return f"no deployment of this stack has its commit, and it is older than {_days(unreleased)}"


def in_the_way(image: Image, users: Sequence[str]) -> str:
    """Why the image must stay; empty where it may go. `users` are the resources that use it."""
    if image.protection == "foreign":
        return "somebody protects it against being deregistered"
    # A launch template is named for its default version and for its latest.
    once = list(dict.fromkeys(users))
    return f"it is used by {', '.join(once[:SHOWN])}" if once else ""


def go_with(deployments: Iterable[Deployment]) -> set[str]:
    """The users of an image that are removed with these deployments, in AWS's words."""
    found: set[str] = set()
    for name, group in ((deployment.name, deployment.group) for deployment in deployments):
        if group.launch_template == name:
            found.add(f"launch template {name}")
        if group.launch_configuration == name:
            found.add(f"launch configuration {name}")
    return found


def _younger_than(image: Image, now: datetime, age: timedelta) -> str:
    """In words; empty where it is older. Without a creation time that can be read, it is kept."""
    made = moment(image.created_at)
    if made is None:
        return "its age is not known"
    return f"it is not older than {_days(age)}" if now - made <= age else ""


def _days(age: timedelta) -> str:
    return f"{age / timedelta(days=1):g} days"
