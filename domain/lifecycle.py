"""The lifecycle states of an instance in a group, and what each of them means for a decision."""

from __future__ import annotations

from enum import StrEnum

from domain.models import Group, Instance

TERMINATE = "Terminate"


class Place(StrEnum):
    COMING = "coming"  # it is to serve, and the group counts it
    SERVING = "serving"
    ASIDE = "aside"  # the group does not count it; it stays until somebody acts
    LEAVING = "leaving"  # AWS ends it, or lets it go
    RETAINED = "retained"  # AWS would have ended it, and keeps it until somebody acts
    WARM = "warm"  # in the warm pool: no member of the group
    UNKNOWN = "unknown"


# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Instance.html
PLACES: dict[str, Place] = {
    "Pending": Place.COMING,
    "Pending:Wait": Place.COMING,
    "Pending:Proceed": Place.COMING,
    # AWS says that it does not use it.
    "Quarantined": Place.COMING,
    "InService": Place.SERVING,
    "ReplacingRootVolume": Place.COMING,
    "ReplacingRootVolume:Wait": Place.COMING,
    "ReplacingRootVolume:Proceed": Place.COMING,
    "RootVolumeReplaced": Place.COMING,
    "EnteringStandby": Place.ASIDE,
    "Standby": Place.ASIDE,
    "Terminating": Place.LEAVING,
    "Terminating:Wait": Place.LEAVING,
    "Terminating:Proceed": Place.LEAVING,
    "Terminating:Retained": Place.RETAINED,
    "Terminated": Place.LEAVING,
    "Detaching": Place.LEAVING,
    "Detached": Place.LEAVING,
    "Warmed:Pending": Place.WARM,
    "Warmed:Pending:Wait": Place.WARM,
    "Warmed:Pending:Proceed": Place.WARM,
    "Warmed:Pending:Retained": Place.WARM,
    "Warmed:Terminating": Place.WARM,
    "Warmed:Terminating:Wait": Place.WARM,
    "Warmed:Terminating:Proceed": Place.WARM,
    "Warmed:Terminating:Retained": Place.WARM,
    "Warmed:Terminated": Place.WARM,
    "Warmed:Stopped": Place.WARM,
    "Warmed:Running": Place.WARM,
    "Warmed:Hibernated": Place.WARM,
}
# AWS refuses SetInstanceProtection for all instances of a call if one is in another state.
PROTECTABLE = ("InService", "EnteringStandby", "Standby")


def place(state: str) -> Place:
    """A state that AWS has added since is unknown: it neither serves nor leaves."""
    return PLACES.get(state, Place.UNKNOWN)


def is_member(state: str) -> bool:
    """
    An instance in a warm pool does not serve, and is not counted.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
    """
    return place(state) is not Place.WARM


def serves(state: str) -> bool:
    return place(state) is Place.SERVING


def counts(state: str) -> bool:
    """Does the group count it towards its desired size?"""
    return place(state) in (Place.COMING, Place.SERVING)


def is_to_serve(state: str) -> bool:
    """Of one in an unknown state nobody knows: the group is not complete until that is over."""
    return counts(state) or place(state) is Place.UNKNOWN


def leaves(state: str) -> bool:
    return place(state) in (Place.LEAVING, Place.RETAINED)


def lingers(state: str) -> bool:
    """
    It serves no more, and may be there for hours: until its lifecycle hook is over, or for ever.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
    """
    return state == "Terminating:Wait" or place(state) is Place.RETAINED


def is_protected(instance: Instance) -> bool:
    """AWS lets one go that leaves already, whatever its protection says."""
    return instance.protected and not leaves(instance.lifecycle)


def words(state: str) -> str:
    """The state in AWS's own word; one that is not known is said to be so."""
    if place(state) is Place.UNKNOWN:
        return f"in a lifecycle state that is not known here: {state}"
    return state


def has_size(group: Group) -> bool:
    """What only leaves ends by itself: it may wait for a lifecycle hook."""
    return bool(group.desired) or group.instances > group.leaving


def is_empty(group: Group) -> bool:
    """But for what waits for a lifecycle hook: that ends without us."""
    return group.instances == group.lingering and not group.desired


def holds(group: Group) -> str:
    """Why the group does not become empty at size zero; empty where AWS ends all of it."""
    found = []
    if TERMINATE in group.suspended and group.instances > group.leaving:
        found.append(f"its process {TERMINATE} is suspended")
    if group.protected:
        found.append(f"{group.protected} of its instances are protected from scale-in")
    if group.aside:
        found.append(f"{group.aside} of its instances are on Standby")
    return " and ".join(found)
