"""Listener rules that forward by weight to a stack's two target groups."""

from __future__ import annotations

from typing import Any

from temporalio import activity

from activities.aws import Aws, translated
from domain.models import Model, TargetGroup
from domain.traffic import Rule


class FindRules(Model):
    region: str
    target_groups: tuple[TargetGroup, ...]


class SetWeights(Model):
    """`weights` by target group ARN. The rules' other settings stay as they are."""

    region: str
    rules: tuple[Rule, ...]
    weights: dict[str, int]


class PointRules(Model):
    """These rules forward all requests to one target group."""

    region: str
    rules: tuple[str, ...]
    target_group: str


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
        elb = self._aws.elbv2(request.region)
        wanted = {group.arn for group in request.target_groups}
        balancers = list(
            dict.fromkeys(arn for group in request.target_groups for arn in group.load_balancers)
        )
        listeners = [
            listener["ListenerArn"]
            for balancer in balancers
            for page in elb.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer)
            for listener in page["Listeners"]
        ]
        rules = [rule for listener in listeners for rule in self._rules_of(elb, listener)]
        return [rule for rule in rules if wanted & rule.weights.keys()]

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def set_weights(self, request: SetWeights) -> None:
        """One call a rule. None where the rule has these weights already."""
        elb = self._aws.elbv2(request.region)
        for rule in request.rules:
            actions = self._actions(elb, rule)
            forward = next(action for action in actions if action["Type"] == "forward")
            groups = forward["ForwardConfig"]["TargetGroups"]
            if all(
                group["Weight"] == request.weights.get(group["TargetGroupArn"], group["Weight"])
                for group in groups
            ):
                continue
            for group in groups:
                group["Weight"] = request.weights.get(group["TargetGroupArn"], group["Weight"])
            # AWS returns this key too where one target group has all the weight, and refuses it.
            forward.pop("TargetGroupArn", None)
            if rule.default:
                elb.modify_listener(ListenerArn=rule.listener, DefaultActions=actions)
            else:
                elb.modify_rule(RuleArn=rule.arn, Actions=actions)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def point_rules(self, request: PointRules) -> None:
        elb = self._aws.elbv2(request.region)
        for arn in request.rules:
            elb.modify_rule(
                RuleArn=arn, Actions=[{"Type": "forward", "TargetGroupArn": request.target_group}]
            )

    @staticmethod
    def _rules_of(elb: Any, listener: str) -> list[Rule]:
        pages = elb.get_paginator("describe_rules").paginate(ListenerArn=listener)
        return [_rule(listener, rule) for page in pages for rule in page["Rules"]]

    @staticmethod
    def _actions(elb: Any, rule: Rule) -> list[Any]:
        """The present actions: a person may have changed the rule's other settings."""
        if rule.default:
            actions: list[Any] = elb.describe_listeners(ListenerArns=[rule.listener])["Listeners"][
                0
            ]["DefaultActions"]
        else:
            actions = elb.describe_rules(RuleArns=[rule.arn])["Rules"][0]["Actions"]
        return actions


def _rule(listener: str, rule: Any) -> Rule:
    forward: dict[str, Any] = next(
        (action for action in rule["Actions"] if action["Type"] == "forward"), {}
    )
    config = forward.get("ForwardConfig", {})
    groups = config.get("TargetGroups") or (
        [{"TargetGroupArn": forward["TargetGroupArn"]}] if "TargetGroupArn" in forward else []
    )
    sticky = config.get("TargetGroupStickinessConfig", {})
    return Rule(
        arn=rule["RuleArn"],
        listener=listener,
        default=rule.get("IsDefault", False),
        weights={group["TargetGroupArn"]: int(group.get("Weight", 1)) for group in groups},
        sticky=float(sticky.get("DurationSeconds", 0)) if sticky.get("Enabled") else 0,
    )
