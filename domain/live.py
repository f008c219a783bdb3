"""Which deployment is blue, and may this tag be released beside it?"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from domain import by_hand, names
from domain.errors import AlreadyServing, Conflict
from domain.lifecycle import has_size
from domain.models import Deployment, Group, State


def find_blue(stack: str, deployments: Iterable[Deployment]) -> Deployment | None:
    """
    The deployment that serves now; None before a first release.

    Raises Conflict where two groups are marked as serving.
    """
    serving = [deployment for deployment in deployments if deployment.state is State.SERVING]
    if len(serving) > 1:
        claimants = ", ".join(sorted(deployment.name for deployment in serving))
        raise Conflict(
            f"{len(serving)} groups claim to serve {stack}: {claimants}; "
            "set the tag ovenbird:state of all but one to parked"
        )
    return serving[0] if serving else None


def refuse_where_blue_is_elsewhere(blue: Deployment | None, target_groups: Iterable[str]) -> None:
    """Raises Conflict where parking blue would empty a target group that green does not join."""
    elsewhere = sorted(set(blue.group.target_groups) - set(target_groups)) if blue else []
    if blue and elsewhere:
        raise Conflict(
            f"{blue.name} is in target groups or balancers that the stack does not name: "
            f"{', '.join(elsewhere)}; name them, or, once it is healthy in those that the stack "
            f"names: {names.membership_by_hand('detach', blue.name, elsewhere)}"
        )


def refuse_where_blue_could_not_come_back(blue: Deployment | None) -> None:
    """Raises Conflict where an abort could not register blue's instances in the balancer again."""
    if blue and "AddToLoadBalancer" in blue.group.suspended:
        raise Conflict(
            f"somebody suspended AddToLoadBalancer of {blue.name}: after a cutover, an abort could "
            "not bring it back into the load balancer. Resume it first: aws autoscaling "
            f"resume-processes --auto-scaling-group-name {blue.name} "
            "--scaling-processes AddToLoadBalancer"
        )


def refuse_where_another_serves(
    stack: str,
    blue: Deployment | None,
    deployments: Iterable[Deployment],
    target_groups: Collection[str],
) -> None:
    """
    Raises Conflict: a terminated run left another deployment in the balancer, or blue out of it.

    Green would take over from blue, and the other one would go on serving beside it.
    """
    others = [
        d
        for d in deployments
        if d is not blue and in_balancer(d, target_groups) and has_size(d.group)
    ]
    if not blue and len(others) == 1:
        raise Conflict(unmarked(others[0], target_groups))
    look = (
        f"`ovenbird sweep {stack}` shows what it would put right, and --apply does it; where it "
        "cannot know which of two shall serve, it shows the commands for either"
    )
    if others:
        beside = blue or others[1]
        raise Conflict(f"{others[0].name} is in the load balancer as well as {beside.name}: {look}")
    if blue and blue.group.desired and not in_balancer(blue, target_groups):
        raise Conflict(
            f"{blue.name} serves by its tag, and is in none of the stack's target groups: {look}"
        )


def refuse_to_adopt(
    stack: str,
    name: str,
    group: Group | None,
    deployments: Iterable[Deployment],
    target_groups: Collection[str],
) -> None:
    """
    Raises Conflict where the group may not become the first deployment of the stack.

    It must get the stack's traffic, and no stack may own it.
    """
    if group is None:
        raise Conflict(f"there is no Auto Scaling group {name}")
    if owner := group.tags.get(names.STACK):
        raise Conflict(f"{name} is a deployment of {owner} already")
    if serving := [
        deployment.name for deployment in deployments if deployment.state is State.SERVING
    ]:
        raise Conflict(
            f"{stack} is served by {serving[0]}: only a stack that nothing serves can adopt a group"
        )
    if not set(group.target_groups) & set(target_groups):
        raise Conflict(
            f"{name} is in none of the target groups of {stack}: what is adopted must serve"
        )
    refuse_where_blue_is_elsewhere(Deployment(name=name, tag="", group=group), target_groups)


def in_balancer(deployment: Deployment, target_groups: Collection[str]) -> bool:
    return not set(deployment.group.target_groups).isdisjoint(target_groups)


def unmarked(deployment: Deployment, target_groups: Collection[str]) -> str:
    """What to do where no deployment is marked as serving, and this one gets traffic."""
    name, theirs = deployment.name, sorted(set(deployment.group.target_groups) & set(target_groups))
    return (
        f"no deployment is marked as serving, and {name} is in the load balancer. To keep it: "
        f"{by_hand.mark({name: by_hand.serves(deployment.group)})}; to take it away: "
        f"{by_hand.leave(deployment.group, theirs or target_groups)}, then sweep"
    )


def refuse_what_serves(blue: Deployment | None, tag: str, commit: str, *, force: bool) -> None:
    """Raises AlreadyServing where blue runs the commit, unless `force` is set."""
    if blue and blue.commit == commit and not force:
        raise AlreadyServing(
            f"{tag} ({commit[:12]}) serves {blue.group.tags.get('ovenbird:stack')} already, "
            f"as {blue.name}; force it to release it again"
        )
