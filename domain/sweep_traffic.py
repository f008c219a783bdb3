"""
Who serves, by the load balancer and by the marks? Where they disagree, a person decides.

What gets traffic and is healthy is worth more than a mark: a sweep never takes traffic away from it
unless the deployment that is marked as serving is healthy, gets traffic, and is as large.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from domain import by_hand, names
from domain.lifecycle import has_size
from domain.live import in_balancer, unmarked
from domain.models import Deployment, State
from domain.sweep import Finding, Inventory, astray, home
from domain.traffic import who_gets_it


@dataclass(frozen=True)
class Dispute:
    """`names` are the deployments that must stay as they are until a person has decided."""

    names: frozenset[str]
    words: str


def dispute(inventory: Inventory, findings: Collection[Finding]) -> Dispute | None:
    """None where marks and traffic agree, or where it is safe to do what the findings say."""
    marked = [d for d in inventory.deployments if d.state is State.SERVING]
    others = beside(inventory)
    if len(marked) > 1:
        return None
    if not marked:
        return _unmarked(inventory, others)
    serving = marked[0]
    going = {f.name for f in findings if f.action in ("park", "remove group")}
    rival = _rival(inventory, serving, others, going)
    if rival is None:
        return None
    keep = f"To keep {rival.name}: {_keep(inventory, rival, serving)}, then sweep"
    back = _go_back(inventory, rival, serving, stays=rival.name not in going)
    return Dispute(
        names=frozenset(d.name for d in (serving, *others)),
        words=(
            f"marks and traffic disagree: {serving.name} is marked as serving, and "
            f"{_standing(inventory, serving)}; {rival.name} is {_mark(rival)}, and "
            f"{_standing(inventory, rival)}. {keep}. {back}"
        ),
    )


def beside(inventory: Inventory) -> list[Deployment]:
    """
    What is in the load balancer and not marked as serving, the largest part of the traffic first.

    An empty group takes and gives no traffic.
    """
    return sorted(
        (
            d
            for d in inventory.deployments
            if d.state is not State.SERVING
            and has_size(d.group)
            and (in_balancer(d, inventory.target_groups) or _answers(inventory, d))
        ),
        key=lambda d: (-sum(_answers(inventory, d).values()), -d.group.desired, d.name),
    )


def _rival(
    inventory: Inventory, serving: Deployment, others: list[Deployment], going: Collection[str]
) -> Deployment | None:
    """The first of the others that a sweep can neither leave alone nor clear."""
    gets_traffic = any(arn in serving.group.target_groups for arn in _carrying(inventory))
    for other in others:
        answers = _answers(inventory, other)
        if not answers and not gets_traffic:
            # Nobody that is healthy has traffic: what is marked gets it, and loses nobody any.
            continue
        if other.name not in going or not _fit(inventory, serving):
            return other
        if not all(_covers(inventory, serving, other, arn) for arn in answers):
            return other
    return None


def _carrying(inventory: Inventory) -> list[str]:
    """The target groups that get traffic: by weight, where there are rules with weights."""
    return [
        arn
        for arn in inventory.target_groups
        if not inventory.rules or any(rule.weights.get(arn) for rule in inventory.rules)
    ]


def _answers(inventory: Inventory, deployment: Deployment) -> dict[str, int]:
    """The target groups with traffic in which it is healthy, and with how many units."""
    healthy = inventory.healthy.get(deployment.name, {})
    return {arn: healthy[arn] for arn in _carrying(inventory) if healthy.get(arn)}


def _fit(inventory: Inventory, serving: Deployment) -> bool:
    """It gets traffic, and is healthy wherever it does."""
    theirs = [arn for arn in _carrying(inventory) if arn in serving.group.target_groups]
    answers = _answers(inventory, serving)
    return bool(theirs) and all(arn in answers for arn in theirs)


def _covers(inventory: Inventory, serving: Deployment, other: Deployment, arn: str) -> bool:
    """
    Can it take over what the other one does there?

    Where all of it is healthy, it also can after it has become as large as the other one.
    """
    place = home(inventory) or arn
    if place not in serving.group.target_groups:
        return False
    answers = _answers(inventory, serving).get(place, 0)
    complete = 0 < serving.group.desired <= answers
    grown = min(other.group.desired, serving.group.max) if complete else 0
    return max(answers, grown) >= _answers(inventory, other)[arn]


def _unmarked(inventory: Inventory, others: list[Deployment]) -> Dispute | None:
    if others:
        words = unmarked(others[0], inventory.target_groups)
        return Dispute(names=frozenset(d.name for d in others), words=words)
    if not inventory.rules or not all(astray(inventory, arn) for arn in inventory.target_groups):
        return None
    arns = inventory.target_groups
    commands = by_hand.weigh(astray(inventory, arns[0]), arns, arns[0])
    return Dispute(
        names=frozenset(),
        words=(
            f"no deployment serves, and {who_gets_it(inventory.rules, arns)}. Give one of them all "
            f"of it: {'; '.join(commands)}"
        ),
    )


def _mark(deployment: Deployment) -> str:
    return "marked as parked" if deployment.state is State.PARKED else "not marked"


def _standing(inventory: Inventory, deployment: Deployment) -> str:
    there = {*deployment.group.target_groups, *inventory.healthy.get(deployment.name, {})}
    if there.isdisjoint(inventory.target_groups):
        return "is out of the load balancer"
    if there.isdisjoint(_carrying(inventory)):
        return "gets no traffic"
    healthy = max(_answers(inventory, deployment).values(), default=0)
    return f"gets traffic, with {healthy} of {deployment.group.desired} healthy"


def _keep(inventory: Inventory, rival: Deployment, serving: Deployment) -> str:
    marks = {
        rival.name: by_hand.serves(rival.group),
        serving.name: {names.STATE: State.PARKED.value},
    }
    out = by_hand.leave(serving.group, _places(inventory, serving))
    return "; ".join(command for command in (by_hand.mark(marks), out) if command)


def _go_back(inventory: Inventory, rival: Deployment, serving: Deployment, *, stays: bool) -> str:
    """`stays`: no ended release made or woke the rival, so a sweep needs a mark to clear it."""
    where = home(inventory)
    wanted = [where] if where else _wanted(inventory, rival, serving)
    missing = [arn for arn in wanted if arn not in serving.group.target_groups]
    attach = names.membership_by_hand("attach", serving.name, missing)
    first = f"{attach}; once" if attach else "once"
    after = by_hand.weigh(astray(inventory, where), inventory.target_groups, where) if where else []
    if stays and rival.state is not State.PARKED:
        after.append(by_hand.mark({rival.name: {names.STATE: State.PARKED.value}}))
    after.append(by_hand.leave(rival.group, _places(inventory, rival)))
    return (
        f"To go back to {serving.name}: {first} it is healthy there and as large as "
        f"{rival.name}: {'; '.join(after)}, then sweep"
    )


def _wanted(inventory: Inventory, rival: Deployment, serving: Deployment) -> list[str]:
    """All target groups, where it is in none; else those in which the rival answers."""
    if not in_balancer(serving, inventory.target_groups):
        return list(inventory.target_groups)
    return list(_answers(inventory, rival))


def _places(inventory: Inventory, deployment: Deployment) -> list[str]:
    """The stack's target groups that it is in."""
    there = {*deployment.group.target_groups, *inventory.healthy.get(deployment.name, {})}
    return [arn for arn in inventory.target_groups if arn in there]
