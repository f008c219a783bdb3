"""How a run has ended: who answers, and whether that is what it promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.answering import Place, answers, fewest, serves_alone, who_answers, within
from domain.models import Deployment, Model


@dataclass(frozen=True)
class Ending:
    """
    `who` says who answers; `broken` why that is not what was promised, empty where it is.

    `unknown`: nobody could look.
    """

    who: str
    broken: str = ""
    unknown: bool = False


class Promise(Model):
    """
    Of the way back: what blue was before. `missing` is how many of its units were not healthy, None
    where nobody looked. `was_touched`: the run took traffic or capacity from it.
    """

    missing: int | None
    was_touched: bool
    weighted: bool = False


def labels(green: str, tag: str, blue: Deployment | None) -> dict[str, str]:
    """What a person calls the two groups: by their tags, and by name where those are the same."""
    if blue is None:
        return {green: tag}
    if blue.tag == tag:
        return {green: f"{tag} ({green})", blue.name: f"{blue.tag} ({blue.name})"}
    return {green: tag, blue.name: blue.tag}


def released(places: Sequence[Place], green: str, called: Mapping[str, str]) -> Ending:
    """Promised: every request goes to green, and somebody healthy answers it."""
    who = who_answers(places, called)
    if serves_alone(places, green):
        return Ending(who)
    return Ending(who, f"{called[green]} does not answer every request: {who}")


def gone_back(
    places: Sequence[Place],
    green: str,
    blue: Deployment | None,
    blue_arns: Sequence[str],
    called: Mapping[str, str],
    promise: Promise,
) -> Ending:
    """
    Promised: blue answers as before, and green nowhere.

    Where nobody was healthy before, or the run took nothing from it, blue may be unhealthy.
    """
    who = who_answers(places, called)
    if answers(places, green):
        return Ending(who, f"{called[green]} still answers: {who}")
    if blue is None:
        return Ending(who)
    its_own = within(places, blue_arns)
    # With weights, a share of anybody else's target group answers nobody.
    strays = promise.weighted and any(
        share.target_group not in blue_arns for place in places for share in place.shares
    )
    elsewhere = strays or not its_own or any(not place.shares for place in places)
    if promise.missing is None:
        was_well = promise.was_touched and blue.group.desired > 0
    else:
        was_well = promise.missing < blue.group.desired
    if was_well and (elsewhere or not fewest(its_own, blue.name)):
        return Ending(who, f"{called[blue.name]} does not answer as before: {who}")
    return Ending(who)
