"""Who gets which part of the traffic, and is blue out of it?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from domain.errors import Conflict
from domain.group_health import SHOWN
from domain.health import Healthy, NotYet, Unhealthy, Verdict
from domain.models import Deployment, Drain, Group, Model, TargetState


def shares(healthy: Mapping[str, int]) -> dict[str, int]:
    """
    Percent of the requests per deployment, from their healthy targets in shared target groups.

    The percents add up to 100, or to 0 without a healthy target. The largest remainder gets the
    odd percent.
    """
    total = sum(healthy.values())
    if not total:
        return dict.fromkeys(healthy, 0)
    exact = {name: count * 100 / total for name, count in healthy.items()}
    whole = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (whole[name] - exact[name], name))
    for name in by_remainder[: 100 - sum(whole.values())]:
        whole[name] += 1
    return whole


def drain_of(
    leaving: set[str], staying: set[str], targets: Mapping[str, Mapping[str, TargetState]]
) -> Drain:
    """
    `leaving` and `staying` are instances; `targets` maps a target group to its targets' states.

    A target that is unused gets no request. A stranger that drains will get none.
    """
    states = {
        (target, state.state) for found in targets.values() for target, state in found.items()
    }
    left = sorted({target for target, state in states if state != "unused"} & leaving)
    serving = {target for target, state in states if state not in ("unused", "draining")}
    return Drain(
        left=len(left),
        examples=tuple(left[:SHOWN]),
        strangers=tuple(sorted(serving - leaving - staying)[:SHOWN]),
        registered=len({target for target, _ in states}),
    )


def judge_drain(drain: Drain, *, waited: float, timeout: float) -> Verdict:
    """
    Healthy when no target group lists any of its instances: no request is in flight any more.

    `waited` and `timeout` are seconds.
    """
    if not drain.left:
        return Healthy()
    more = ", …" if drain.left > len(drain.examples) else ""
    reason = f"{drain.left} still draining ({', '.join(drain.examples)}{more})"
    return NotYet(reason) if waited < timeout else Unhealthy(f"after {waited:.0f} s {reason}")


def detached(group: Group, target_groups: Iterable[str]) -> bool:
    return not set(group.target_groups) & set(target_groups)


class Rule(Model):
    """
    A listener's rule that forwards.

    `weights` are by target group ARN. `sticky` is the seconds for which a client keeps its target
    group.
    """

    arn: str
    listener: str
    default: bool
    weights: dict[str, int]
    sticky: float = 0


class Routing(Model):
    """
    The rules and the two target groups of a stack.

    `live` gets the traffic. Green joins `idle`, which is the live one where there is no blue.
    """

    rules: tuple[Rule, ...]
    preview: tuple[Rule, ...] = ()
    live: str
    idle: str

    @property
    def sticky(self) -> float:
        return max(rule.sticky for rule in self.rules)


def routing(
    stack: str,
    rules: Iterable[Rule],
    pair: tuple[str, str],
    preview: Iterable[str],
    blue: Deployment | None,
) -> Routing:
    """
    Raises Conflict where the rules do not say which of the pair gets the traffic, or where blue is
    not in that one.

    `preview` are the ARNs of the rules that show green before the cutover.
    """
    known = list(rules)
    shown = [rule for rule in known if rule.arn in set(preview)]
    if missing := sorted(set(preview) - {rule.arn for rule in shown}):
        raise Conflict(
            f"the preview rules {', '.join(missing)} forward to none of the target groups "
            f"of {stack}, or do not exist"
        )
    swapped = [rule for rule in known if rule not in shown]
    live = _live(stack, swapped, pair)
    if blue and live not in blue.group.target_groups:
        raise Conflict(
            f"{blue.name} serves by its tag, and the traffic of {stack} goes to {live}, "
            "in which it is not"
        )
    other = next(arn for arn in pair if arn != live)
    return Routing(
        rules=tuple(swapped), preview=tuple(shown), live=live, idle=other if blue else live
    )


def _live(stack: str, rules: list[Rule], pair: tuple[str, str]) -> str:
    """
    The one of the pair that gets the traffic of every rule.

    Raises Conflict where there is no such one.
    """
    if not rules:
        raise Conflict(
            f"no listener rule forwards to the target groups of {stack}: "
            "one must forward to both of them, with weights 100 and 0"
        )
    for rule in rules:
        if not set(pair) <= rule.weights.keys():
            raise Conflict(
                f"{rule.arn} forwards to one of the two target groups of {stack} alone: name both "
                "in it, with weights 100 and 0, or name it in load_balancer.preview"
            )
    with_traffic = {tuple(sorted(arn for arn in pair if rule.weights[arn])) for rule in rules}
    if len(with_traffic) != 1 or len(live := next(iter(with_traffic))) != 1:
        told = "; ".join(
            f"{rule.arn}: {rule.weights[pair[0]]} and {rule.weights[pair[1]]}" for rule in rules
        )
        raise Conflict(
            f"{who_gets_it(rules, pair)} ({told}): a terminated run left the weights of {stack} "
            f"so, or a person; `ovenbird sweep {stack}` shows what it would put right"
        )
    return live[0]


def who_gets_it(rules: Iterable[Rule], pair: Iterable[str]) -> str:
    """Of rules that do not give all of their traffic to one of the pair: what they do."""
    pair = tuple(pair)
    with_traffic = {tuple(arn for arn in pair if rule.weights.get(arn)) for rule in rules}
    if with_traffic == {()}:
        return "neither of the two target groups gets traffic"
    if () in with_traffic:
        return "neither of the two target groups gets the traffic of some of the rules"
    if any(len(live) > 1 for live in with_traffic):
        return "both target groups get traffic"
    return "not the same target group gets the traffic of every rule"
