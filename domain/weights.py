"""How the weights of listener rules move between the two target groups of a stack, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from domain.traffic import Rule

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupTuple.html
MOST = 999
# A total that percents can be taken of.
FINE = 100


@dataclass(frozen=True)
class Step:
    """
    What a step does at the rules.

    `found` is how many rules forward to both target groups. `weights` are by the ARN of each rule
    that must change. `before` are the rules as they were before the run changed them.
    `objections` say what somebody else changed.
    """

    found: int
    weights: dict[str, dict[str, int]]
    before: tuple[Rule, ...]
    objections: tuple[str, ...]


def divided(weights: Mapping[str, int], live: str, idle: str, percent: int) -> dict[str, int]:
    """
    `percent` of what the two target groups have goes to `idle`. A third one keeps its share.

    Weights whose sum is below 100 are multiplied, since AWS takes whole numbers. At 0 and 100 they
    are as they were, or swapped. A weight of 1 beside one of more than 499 cannot be divided: it
    moves at 100.
    """
    total = weights[live] + weights[idle]
    if percent <= 0 or percent >= 100:
        all_of_it = {live: 0, idle: total} if percent > 0 else {live: total, idle: 0}
        return dict(weights) | all_of_it
    largest = max(weights.values())
    factor = max(1, min(math.ceil(FINE / total), MOST // largest)) if total else 1
    total *= factor
    part = max(0, min(max(round(total * percent / 100), 1), total - 1))
    scaled = {arn: weight * factor for arn, weight in weights.items()}
    return scaled | {live: total - part, idle: part}


def forward(
    found: Iterable[Rule],
    before: Iterable[Rule],
    *,
    live: str,
    idle: str,
    reached: int,
    percent: int,
) -> Step:
    """
    From `reached` percent at `idle` to `percent`, at every rule that is found.

    `before` are the rules that the run knows. A further one that gives `live` everything was added
    or made anew, and takes part. A known one with other weights than the run gave it was changed by
    somebody: an objection.
    """
    known = {rule.arn: rule for rule in before}
    weights, kept, objections = {}, [], []
    for rule in found:
        if not {live, idle} <= rule.weights.keys():
            alone = "one of the two target groups alone" if rule.weights else "no target group"
            objections.append(f"{rule.arn} forwards to {alone}")
            if rule.weights.get(live):
                # Written only where the run is told to insist.
                completed = rule.model_copy(update={"weights": rule.weights | {idle: 0}})
                kept.append(known.get(rule.arn, completed))
                weights[rule.arn] = divided(completed.weights, live, idle, percent)
            continue
        original = known.get(rule.arn) or _unknown(rule, live, idle, reached, percent)
        kept.append(original or _returned(rule, live, idle))
        known_so = rule.arn not in known or _expected(rule, original, live, idle, reached, percent)
        if original is None or not known_so:
            objections.append(
                f"{rule.arn} has the weights {rule.weights[live]} and {rule.weights[idle]}, where "
                f"this run left {100 - reached} and {reached} of 100"
            )
        wanted = divided(_base(rule, kept[-1], live, idle).weights, live, idle, percent)
        if wanted != rule.weights:
            weights[rule.arn] = wanted
    if not kept and not objections:
        objections.append("no rule forwards to the two target groups any more")
    # A rule that does not forward now, such as one that shows a maintenance page, may do so again.
    away = [rule for arn, rule in known.items() if arn not in {each.arn for each in kept}]
    return Step(len(kept), weights, (*kept, *away), tuple(objections))


def back(
    found: Iterable[Rule], before: Iterable[Rule], *, live: str, idle: str
) -> dict[str, dict[str, int]]:
    """
    The weights by the ARN of each rule at which `idle` still gets traffic: `live` gets it again.

    Exactly as `before` where nobody but the run changed them since.
    """
    known = {rule.arn: rule for rule in before}
    weights = {}
    for rule in found:
        original = known.get(rule.arn)
        if original and _is_ours(rule, original, live, idle):
            wanted = original.weights
        elif rule.weights.get(idle):
            wanted = _returned(rule, live, idle).weights
        else:
            continue
        if wanted != rule.weights:
            weights[rule.arn] = dict(wanted)
    return weights


def named(found: Iterable[Rule], *, live: str, idle: str) -> dict[str, dict[str, int]]:
    """
    Of the rules that name `idle` alone: with `live` at weight 0, so that its health is checked.

    A target group that no rule names is not in use, and its targets never become healthy.
    """
    return {
        rule.arn: rule.weights | {live: 0}
        for rule in found
        if idle in rule.weights and live not in rule.weights
    }


def pointed(rule: Rule, live: str, idle: str) -> dict[str, int]:
    """The weights with which `idle` has all that `live` had, and `live` is not named."""
    both = rule.weights.get(live, 0) + rule.weights.get(idle, 0)
    others = {arn: w for arn, w in rule.weights.items() if arn not in (live, idle)}
    return others | {idle: max(1, both)}


def _unknown(rule: Rule, live: str, idle: str, reached: int, percent: int) -> Rule | None:
    """As it was before: a call whose reply was lost may have given it these weights already."""
    was = _returned(rule, live, idle)
    return was if _expected(rule, was, live, idle, 0, reached, percent) else None


def _expected(rule: Rule, original: Rule | None, live: str, idle: str, *percents: int) -> bool:
    """Does `idle` get the part that the run gave it? A third target group's weight is not ours."""
    if original is None:
        return False
    parts = {
        _part(divided(original.weights, live, idle, percent), live, idle) for percent in percents
    }
    part = _part(rule.weights, live, idle)
    return part is not None and part in parts


def _part(weights: Mapping[str, int], live: str, idle: str) -> Fraction | None:
    total = weights[live] + weights[idle]
    return Fraction(weights[idle], total) if total else None


def _base(rule: Rule, original: Rule, live: str, idle: str) -> Rule:
    """The original, unless somebody changed what is not ours: that stays as it is now."""
    return original if _is_ours(rule, original, live, idle) else _returned(rule, live, idle)


def _is_ours(rule: Rule, original: Rule, live: str, idle: str) -> bool:
    """Can the weights have come from the original ones by steps of the run?"""
    if not {live, idle} <= original.weights.keys():
        return False
    return any(
        rule.weights == divided(original.weights, live, idle, percent) for percent in range(101)
    )


def _returned(rule: Rule, live: str, idle: str) -> Rule:
    both = rule.weights.get(live, 0) + rule.weights.get(idle, 0)
    kept = {live: both} | ({idle: 0} if live in rule.weights else {})
    others = {arn: weight for arn, weight in rule.weights.items() if arn != idle}
    return rule.model_copy(update={"weights": others | kept})
