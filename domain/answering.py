"""Who answers the requests of a stack: at each listener rule, or in each target group."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from domain.models import Instance, Model, TargetGroup, TargetState
from domain.traffic import Rule


class Wiring(Model):
    """
    Where a stack's traffic comes in.

    With `weighted`, at each rule of the balancers that forwards to one of the target groups, but
    for those of the `preview`; else in each target group or classic balancer. At a rule that is
    `known`, requests come in also where it forwards to none of the target groups any more.
    """

    target_groups: tuple[TargetGroup, ...]
    weighted: bool = False
    preview: tuple[str, ...] = ()
    known: tuple[str, ...] = ()

    @property
    def arns(self) -> tuple[str, ...]:
        return tuple(group.arn for group in self.target_groups)


class Share(Model):
    """
    What one target group adds to a place.

    `healthy` are the units that are healthy in it, by group. `others` counts the healthy targets
    of nobody who was asked for.
    """

    target_group: str
    weight: int
    healthy: dict[str, int] = {}
    others: int = 0


class Place(Model):
    """A rule, or a target group that a listener uses. `shares` are those with weight."""

    name: str
    shares: tuple[Share, ...]


def places(
    wiring: Wiring,
    rules: Iterable[Rule],
    members: Mapping[str, Sequence[Instance]],
    targets: Mapping[str, Mapping[str, TargetState]],
) -> tuple[Place, ...]:
    """`members` are by group, `targets` by target group and instance."""
    shares = {arn: _share(arn, members, targets.get(arn, {})) for arn in wiring.arns}
    if not wiring.weighted:
        return tuple(
            Place(name=arn, shares=(share,))
            for arn, share in shares.items()
            if not _unused(targets.get(arn, {}))
        )
    return tuple(
        Place(
            name=rule.arn,
            shares=tuple(
                shares[arn].model_copy(update={"weight": weight})
                for arn, weight in rule.weights.items()
                if weight and arn in shares
            ),
        )
        for rule in rules
        if rule.arn not in wiring.preview
    )


def with_weight(wiring: Wiring, rules: Iterable[Rule]) -> list[str]:
    """Those of the stack's target groups to which requests go."""
    if not wiring.weighted:
        return list(wiring.arns)
    weighed = {arn for rule in rules for arn, weight in rule.weights.items() if weight}
    return [arn for arn in wiring.arns if arn in weighed]


def _share(
    arn: str, members: Mapping[str, Sequence[Instance]], states: Mapping[str, TargetState]
) -> Share:
    fit = {target for target, state in states.items() if state.state == "healthy"}
    units = {
        name: sum(instance.weight for instance in instances if instance.id in fit)
        for name, instances in members.items()
    }
    known = {instance.id for instances in members.values() for instance in instances}
    return Share(
        target_group=arn,
        weight=1,
        healthy={name: count for name, count in units.items() if count},
        others=len(fit - known),
    )


def _unused(states: Mapping[str, TargetState]) -> bool:
    """
    No listener uses the target group: then all of its targets say so. One of them alone is in a
    zone that is not enabled for the balancer.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
    """
    return bool(states) and all(s.reason == "Target.NotInUse" for s in states.values())


def answers(seen: Iterable[Place], name: str) -> bool:
    """Does the group answer a request anywhere?"""
    return any(share.healthy.get(name) for place in seen for share in place.shares)


def within(seen: Iterable[Place], target_groups: Collection[str]) -> tuple[Place, ...]:
    """The same places, with the shares of these target groups alone."""
    kept = [
        Place(
            name=place.name,
            shares=tuple(s for s in place.shares if s.target_group in target_groups),
        )
        for place in seen
    ]
    return tuple(place for place in kept if place.shares)


def fewest(seen: Iterable[Place], name: str) -> int:
    """Its healthy units where it has fewest of them; 0 where it is missing, or nobody is asked."""
    return min((s.healthy.get(name, 0) for place in seen for s in place.shares), default=0)


def refusal(seen: Iterable[Place], *, leaving: str, staying: str, least: int) -> str:
    """
    Why `leaving` may not leave; empty where it may.

    Wherever it answers, `staying` has at least `least` healthy units: they go on answering. Where
    it answers nobody, nobody loses anything.
    """
    for place in seen:
        for share in place.shares:
            there = share.healthy.get(staying, 0)
            if share.healthy.get(leaving) and there < max(1, least):
                return (
                    f"{staying} has {there} healthy of the {max(1, least)} that are needed at "
                    f"{place.name}"
                )
    return ""


def who_answers(seen: Sequence[Place], labels: Mapping[str, str]) -> str:
    """
    For a person: who answers with how many healthy units, at each place where that differs.

    `labels` map a group's name to what a person calls it.
    """
    if not seen:
        return "no listener sends requests to the stack's target groups"
    told: dict[str, list[str]] = {}
    for place in seen:
        told.setdefault(_at(place, labels), []).append(place.name)
    if len(told) == 1:
        return next(iter(told))
    return "; ".join(f"{words} at {', '.join(names)}" for words, names in told.items())


def _at(place: Place, labels: Mapping[str, str]) -> str:
    total = sum(share.weight for share in place.shares)
    several = len(place.shares) > 1
    words = [
        _in_share(share, labels) + (f" to {share.weight * 100 / total:.0f} %" if several else "")
        for share in place.shares
    ]
    return " and ".join(words) if words else "nobody answers"


def _in_share(share: Share, labels: Mapping[str, str]) -> str:
    found = [
        f"{labels.get(name, name)} answers with {count} healthy"
        for name, count in sorted(share.healthy.items())
    ]
    found += [f"{share.others} targets of others answer"] if share.others else []
    return " and ".join(found) if found else "nobody answers"


def serves_alone(seen: Sequence[Place], name: str) -> bool:
    """Do all requests go to this group, and is there a healthy instance for each?"""
    return bool(seen) and all(
        place.shares and all(set(share.healthy) == {name} for share in place.shares)
        for place in seen
    )
