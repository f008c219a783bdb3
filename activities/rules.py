"""Listener rules that forward by weight to a stack's two target groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, translated
from activities.rule_actions import Found, as_found, with_weights
from domain.models import Model, TargetGroup
from domain.traffic import Rule
from domain.weights import back, forward, named

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyRule.html
GONE = ("RuleNotFound", "ListenerNotFound", "LoadBalancerNotFound")


class FindRules(Model):
    """
    `preview` are the ARNs of rules that are left out; `known` are those that are wanted also where
    they forward to none of the target groups any more.
    """

    region: str
    target_groups: tuple[TargetGroup, ...]
    preview: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


class ShiftWeights(Model):
    """
    From `reached` percent of the traffic at `idle` to `percent`, at every rule that there is now.

    `before` are the rules that the run knows, as they were before it changed them. Where somebody
    else changed one, nothing is written, unless the run was told to `insist`.
    """

    region: str
    target_groups: tuple[TargetGroup, ...]
    preview: tuple[str, ...]
    live: str
    idle: str
    before: tuple[Rule, ...]
    reached: int
    percent: int
    insist: bool = False


class Shifted(Model):
    """
    `found` is how many rules forward to both target groups now. `before` are all rules that the run
    knows by now, as they were before; `sticky` is in seconds.
    """

    found: int
    before: tuple[Rule, ...]
    objections: tuple[str, ...]
    sticky: float


class ReturnWeights(Model):
    """
    `live` gets the traffic again at every rule, exactly as `before` where only we changed it.

    With `only_name`, it gets none yet: it is only named where somebody took it out of a rule.
    """

    region: str
    target_groups: tuple[TargetGroup, ...]
    preview: tuple[str, ...]
    live: str
    idle: str
    before: tuple[Rule, ...] = ()
    only_name: bool = False


class PointRules(Model):
    """`weights` by the ARN of a rule, then by target group. A rule's other settings stay."""

    region: str
    weights: dict[str, dict[str, int]]


class Rules:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_rules(self, request: FindRules) -> list[Rule]:
        """
        Every rule of the target groups' balancers that forwards to one of the target groups.

        Default rules are included.
        """
        return [found.rule for found in self.found(request)]

    def found(self, request: FindRules) -> list[Found]:
        """One call a balancer and one a listener: whatever was known before, they are read anew."""
        elb = self._aws.elbv2(request.region)
        wanted = {group.arn for group in request.target_groups}
        balancers = dict.fromkeys(arn for g in request.target_groups for arn in g.load_balancers)
        listeners = [arn for balancer in balancers for arn in _listeners_of(elb, balancer)]
        rules = [rule for listener in listeners for rule in _rules_of(elb, listener)]
        return [
            found
            for found in rules
            if found.rule.arn not in request.preview
            and (wanted & found.rule.weights.keys() or found.rule.arn in request.known)
        ]

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def shift_weights(self, request: ShiftWeights) -> Shifted:
        """One call more for each rule whose weights change."""
        rules = self._found_anew(request)
        step = forward(
            [found.rule for found in rules],
            request.before,
            live=request.live,
            idle=request.idle,
            reached=request.reached,
            percent=request.percent,
        )
        if request.insist or not step.objections:
            self._write(request.region, rules, step.weights)
        return Shifted(
            found=step.found,
            before=step.before,
            objections=step.objections,
            sticky=max((found.rule.sticky for found in rules), default=0),
        )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def return_weights(self, request: ReturnWeights) -> float:
        """
        Returns for how many seconds clients stay with the target group that they have now.

        0 where no rule had to change.
        """
        rules = self._found_anew(request)
        found, live, idle = [each.rule for each in rules], request.live, request.idle
        if request.only_name:
            self._write(request.region, rules, named(found, live=live, idle=idle))
            return 0
        weights = back(found, request.before, live=live, idle=idle)
        self._write(request.region, rules, weights)
        return max((rule.sticky for rule in found if weights), default=0)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def point_rules(self, request: PointRules) -> None:
        elb = self._aws.elbv2(request.region)
        rules = [found for arn in request.weights for found in _rule_known_as(elb, arn)]
        changed = {
            found.rule.arn: request.weights[found.rule.arn]
            for found in rules
            if found.rule.weights != request.weights[found.rule.arn]
        }
        self._write(request.region, rules, changed)

    def _found_anew(self, request: ShiftWeights | ReturnWeights) -> list[Found]:
        return self.found(
            FindRules(
                region=request.region,
                target_groups=request.target_groups,
                preview=request.preview,
                known=tuple(rule.arn for rule in request.before),
            )
        )

    def _write(
        self, region: str, rules: list[Found], weights: Mapping[str, Mapping[str, int]]
    ) -> None:
        """
        Each rule by itself: one that is gone meanwhile does not keep the others.

        Raises the first error of AWS, once every rule was tried.
        """
        elb, refused = self._aws.elbv2(region), None
        for found in rules:
            if found.rule.arn not in weights:
                continue
            actions = with_weights(found.actions, weights[found.rule.arn])
            try:
                if found.rule.default:
                    elb.modify_listener(ListenerArn=found.rule.listener, DefaultActions=actions)
                else:
                    elb.modify_rule(RuleArn=found.rule.arn, Actions=actions)
            except ClientError as error:
                if code(error) not in GONE:
                    refused = refused or error
        if refused:
            raise refused


def _listeners_of(elb: Any, balancer: str) -> list[str]:
    """None where somebody deleted the balancer."""
    try:
        pages = list(elb.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer))
    except ClientError as error:
        if code(error) not in GONE:
            raise
        return []
    return [listener["ListenerArn"] for page in pages for listener in page["Listeners"]]


def _rules_of(elb: Any, listener: str) -> list[Found]:
    try:
        pages = list(elb.get_paginator("describe_rules").paginate(ListenerArn=listener))
    except ClientError as error:
        # Somebody deleted it since the listeners were read.
        if code(error) not in GONE:
            raise
        return []
    return [as_found(listener, rule) for page in pages for rule in page["Rules"]]


def _rule_known_as(elb: Any, arn: str) -> list[Found]:
    """Empty where the rule is gone. Only a rule that is no default rule is found so."""
    try:
        rules = elb.describe_rules(RuleArns=[arn])["Rules"]
    except ClientError as error:
        if code(error) not in GONE:
            raise
        return []
    return [as_found("", rule) for rule in rules]
