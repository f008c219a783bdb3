"""How a test changes rules and groups as somebody else would."""

from __future__ import annotations

from collections.abc import Callable

from domain.traffic import Rule
from tests.workflows.account import Account, ScalingGroup
from tests.workflows.case import Case


def blue(account: Account) -> ScalingGroup:
    return next(group for group in account.groups.values() if group.name.endswith("-v1"))


def is_out(case: Case) -> bool:
    return not blue(case.account).target_groups


def set_rule(case: Case, *weights: int, arn: str = "arn:rule/1") -> None:
    """By another hand: of the first target group, the second one, and a third one."""
    named = dict(zip((*case.world.arns, "arn:third"), weights, strict=False))
    known = case.account.rules.get(arn, Rule(arn=arn, listener="l", default=False, weights={}))
    case.account.rules[arn] = known.model_copy(update={"weights": named})


def weights(case: Case, arn: str = "arn:rule/1") -> tuple[int, ...]:
    found = case.account.rules[arn].weights
    return tuple(found[each] for each in (*case.world.arns, "arn:third") if each in found)


def at_percent(case: Case, percent: int, action: Callable[[], object]) -> None:
    """Before the look after that step."""
    case.world.when("observe", lambda: weights(case)[1] == percent, action)
