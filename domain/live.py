"""Which deployment is blue, and may this tag be released beside it?"""

from __future__ import annotations

from collections.abc import Iterable

from domain.errors import AlreadyServing, Conflict
from domain.models import Deployment, State


def find_blue(stack: str, deployments: Iterable[Deployment]) -> Deployment | None:
    """What serves now, None before a first release. Raises Conflict where two groups claim to serve."""
    serving = [deployment for deployment in deployments if deployment.state is State.SERVING]
    if len(serving) > 1:
        claimants = ", ".join(sorted(deployment.name for deployment in serving))
        raise Conflict(f"{len(serving)} groups claim to serve {stack}: {claimants}; set the tag ovenbird:state of all but one to parked")
    return serving[0] if serving else None


def refuse_where_blue_is_elsewhere(blue: Deployment | None, target_groups: Iterable[str]) -> None:
    """Raises Conflict: parking blue would empty a target group that green never joins."""
    elsewhere = sorted(set(blue.group.target_groups) - set(target_groups)) if blue else []
    if blue and elsewhere:
        raise Conflict(
            f"{blue.name} is in target groups that the stack does not name: {', '.join(elsewhere)}; name them, or detach it from them"
        )


def refuse_what_serves(blue: Deployment | None, tag: str, commit: str, *, force: bool) -> None:
    """Raises AlreadyServing: the same commit again would change nothing but the instances."""
    if blue and blue.commit == commit and not force:
        raise AlreadyServing(
            f"{tag} ({commit[:12]}) serves {blue.group.tags.get('ovenbird:stack')} already, as {blue.name}; force it to release it again"
        )
