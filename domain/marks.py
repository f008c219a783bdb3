"""
The tags of a group that change during its life: who serves, and what is to be restored.

A group has all of them from its creation on, most of them empty. AWS allows 50 tags a group, so
nothing that others add later can take the room that a cutover needs:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from domain import capacity, names
from domain.errors import Conflict
from domain.facts import Facts
from domain.models import Deployment, Group, State

Tags = dict[str, dict[str, str]]


def missing(group: Group) -> dict[str, str]:
    """The marks that the group does not have yet, each of them empty."""
    return {key: "" for key in names.MARKS if key not in group.tags}


def mark(group: Group) -> dict[str, str]:
    """The one tag that says whether the group serves: all that a look tells of its tags."""
    return {key: group.tags[key] for key in (names.STATE,) if key in group.tags}


def refuse_without_room(group: Group, more: Collection[str] = ()) -> None:
    """Raises Conflict where AWS would refuse the marks, or the keys in `more`."""
    wanted = {*names.MARKS, *more}
    # AWS's own tags do not count.
    others = {key for key in group.tags if not key.lower().startswith("aws:")} - wanted
    surplus = len(others) + len(wanted) - names.TAGS_LIMIT
    if surplus > 0:
        raise Conflict(
            f"{group.name} has {len(others)} tags that are not Ovenbird's, Ovenbird needs "
            f"{len(wanted)}, and AWS allows {names.TAGS_LIMIT} a group: delete {surplus} of the "
            "others, or who serves could not be marked after the cutover"
        )


def of_cutover(facts: Facts, blue: Group | None, now: datetime) -> Tags:
    """
    Green serves and blue is parked, by group. `blue` is as it was seen last.

    What was pinned or suspended for the release stays written down until it is restored.
    """
    marks = {
        facts.green: {
            names.STATE: State.SERVING.value,
            names.SERVED_AT: now.isoformat(),
            names.WOKEN_BY: "",
        }
    }
    if blue:
        before = facts.blue.group if facts.blue else blue
        marks[blue.name] = {
            names.STATE: State.PARKED.value,
            names.RESTORE_MIN: str(capacity.own_minimum(before)),
            names.RESTORE_MAX: str(blue.max),
            names.RESTORE_DESIRED: str(blue.desired),
        }
    return marks


def before_cutover(facts: Facts) -> Tags:
    """What `of_cutover` changes, as it was: what pinned blue, or woke green, is undone later."""
    marks = {
        facts.green: _as_it_was(facts.woken, (names.STATE, names.SERVED_AT))
        | {names.WOKEN_BY: facts.owner if facts.woken else ""}
    }
    if blue := facts.blue:
        keys = [names.STATE, names.RESTORE_MAX, names.RESTORE_DESIRED]
        # Where blue is pinned, this tag is what restores its minimum.
        keys += [] if capacity.is_below_its_size(blue.group) else [names.RESTORE_MIN]
        marks[blue.name] = _as_it_was(blue, keys)
    return marks


def _as_it_was(deployment: Deployment | None, keys: Collection[str]) -> dict[str, str]:
    tags: Mapping[str, str] = deployment.group.tags if deployment else {}
    return {key: tags.get(key, "") for key in keys}


def states(tags: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Who serves and who is parked, by group."""
    return {group: marks[names.STATE] for group, marks in tags.items()}
