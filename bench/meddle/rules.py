"""Meddling with listeners, rules and weights."""

from __future__ import annotations

from typing import Any

from bench.meddle.kinds import FOREVER, MODERN, MOMENT, WEIGHTED, kind
from bench.meddle.scene import NothingThere, Scene
from bench.meddle.wiring import API, SECOND_PORT, forward, weights_of

PAGE = {
    "Type": "fixed-response",
    "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"},
}


def _weigh(scene: Scene, blue: int, green: int, **more: Any) -> None:
    """The default action and the rule, as an apply writes both."""
    arns = {scene.target_group_of("blue"): blue, scene.target_group_of("green"): green}
    action = forward(arns, **more)
    scene.elb.modify_listener(ListenerArn=scene.listener["ListenerArn"], DefaultActions=[action])
    if scene.api_rule:
        scene.elb.modify_rule(RuleArn=scene.api_rule, Actions=[action])


@kind("an apply writes 100/0 back", WEIGHTED, hurts=MOMENT)
def weights_back(scene: Scene) -> None:
    _weigh(scene, 100, 0)


@kind("an apply writes 1/0, which means the same as 100/0", WEIGHTED, hurts=MOMENT)
def odd_weights(scene: Scene) -> None:
    _weigh(scene, 1, 0)


@kind("somebody gives green everything by hand", WEIGHTED, hurts=MOMENT)
def all_to_green(scene: Scene) -> None:
    _weigh(scene, 0, 100)


@kind("somebody gives both half by hand", WEIGHTED, hurts=MOMENT)
def half_and_half(scene: Scene) -> None:
    _weigh(scene, 50, 50)


@kind("the rule alone goes back to 100/0, the default action does not", WEIGHTED, hurts=MOMENT)
def rule_back(scene: Scene) -> None:
    arns = {scene.target_group_of("blue"): 100, scene.target_group_of("green"): 0}
    scene.elb.modify_rule(RuleArn=scene.api_rule, Actions=[forward(arns)])


@kind("a third target group joins the rules with a weight of its own", WEIGHTED, stranger=True)
def third_target_group(scene: Scene) -> None:
    third = _foreign_target_group(scene)
    for arn in (None, scene.api_rule):
        weights = weights_of(scene.elb, scene.listener["ListenerArn"], arn)
        share = max(1, sum(weights.values()) // 2)
        _write(scene, arn, forward({**weights, third: share}))


@kind("a third target group joins the rules with the weight 0, and is empty", WEIGHTED)
def third_without_weight(scene: Scene) -> None:
    third = _empty_target_group(scene)
    for arn in (None, scene.api_rule):
        weights = weights_of(scene.elb, scene.listener["ListenerArn"], arn)
        _write(scene, arn, forward({**weights, third: 0}))


@kind("clients are made to stay with one target group", WEIGHTED)
def sticky_rules(scene: Scene) -> None:
    for arn in (None, scene.api_rule):
        weights = weights_of(scene.elb, scene.listener["ListenerArn"], arn)
        _write(scene, arn, forward(weights, sticky=True))


@kind("a maintenance page is put up", MODERN, hurts=FOREVER)
def maintenance_page(scene: Scene) -> None:
    scene.elb.modify_listener(ListenerArn=scene.listener["ListenerArn"], DefaultActions=[PAGE])


@kind("a maintenance page is put up, and taken down after two seconds", MODERN, hurts=MOMENT + 2)
def short_maintenance(scene: Scene) -> None:
    listener = scene.listener
    arn, actions = listener["ListenerArn"], listener["DefaultActions"]
    scene.elb.modify_listener(ListenerArn=arn, DefaultActions=[PAGE])
    scene.wait()
    scene.elb.modify_listener(ListenerArn=arn, DefaultActions=actions)


@kind("a maintenance page is put up for one of two rules", WEIGHTED, hurts=FOREVER)
def page_for_a_rule(scene: Scene) -> None:
    scene.elb.modify_rule(RuleArn=scene.api_rule, Actions=[PAGE])


@kind("the listener is deleted", MODERN)
def listener_deleted(scene: Scene) -> None:
    arn = scene.listener["ListenerArn"]
    for url in scene.doors.urls:
        scene.doors.close(url)
    scene.elb.delete_listener(ListenerArn=arn)


@kind("the listener is deleted, and made anew as it was", MODERN, hurts=MOMENT + 2)
def listener_replaced(scene: Scene) -> None:
    was = scene.listener
    rules = _traffic_rules(scene, was["ListenerArn"])
    scene.elb.delete_listener(ListenerArn=was["ListenerArn"])
    made = scene.elb.create_listener(
        LoadBalancerArn=was["LoadBalancerArn"],
        Protocol=was["Protocol"],
        Port=was["Port"],
        DefaultActions=was["DefaultActions"],
    )["Listeners"][0]["ListenerArn"]
    for rule in rules:
        _make_again(scene, made, rule)


@kind("the listener is made anew with the weights that it had at first", WEIGHTED, hurts=MOMENT + 2)
def listener_reset(scene: Scene) -> None:
    listener_replaced(scene)
    scene.api_rule = ""
    _weigh(scene, 100, 0)


@kind("a second listener is added, wired like the first", MODERN, hurts=MOMENT)
def second_listener(scene: Scene) -> None:
    first = scene.listener
    scene.elb.create_listener(
        LoadBalancerArn=first["LoadBalancerArn"],
        Protocol="HTTP",
        Port=SECOND_PORT,
        DefaultActions=first["DefaultActions"],
    )
    scene.opened.append(scene.infrastructure.address.rpartition(":")[0] + f":{SECOND_PORT}/")


@kind("a rule for a new path is added, which knows blue's target group alone", MODERN)
def rule_to_blue(scene: Scene) -> None:
    scene.elb.create_rule(
        ListenerArn=scene.listener["ListenerArn"],
        Priority=20,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/shop/*"]}}],
        Actions=[forward({scene.target_group_of("blue"): 1})],
    )
    scene.opened.append(f"{scene.infrastructure.address}/shop/")


@kind("one of two rules is deleted", WEIGHTED)
def rule_deleted(scene: Scene) -> None:
    scene.elb.delete_rule(RuleArn=scene.api_rule)


@kind("one of two rules is deleted, and made anew as it was", WEIGHTED)
def rule_replaced(scene: Scene) -> None:
    rule = _described(scene, scene.api_rule)
    scene.elb.delete_rule(RuleArn=scene.api_rule)
    scene.api_rule = _make_again(scene, scene.listener["ListenerArn"], rule)


@kind("one of two rules is made anew with the weights that it had at first", WEIGHTED)
def rule_reset(scene: Scene) -> None:
    rule_replaced(scene)
    rule_back(scene)


@kind("the preview's rule is deleted", WEIGHTED)
def preview_deleted(scene: Scene) -> None:
    scene.elb.delete_rule(RuleArn=scene.infrastructure.preview)


def _write(scene: Scene, rule: str | None, action: dict[str, Any]) -> None:
    if rule is None:
        arn = scene.listener["ListenerArn"]
        scene.elb.modify_listener(ListenerArn=arn, DefaultActions=[action])
    else:
        scene.elb.modify_rule(RuleArn=rule, Actions=[action])


def _described(scene: Scene, rule: str) -> dict[str, Any]:
    found: dict[str, Any] = scene.elb.describe_rules(RuleArns=[rule])["Rules"][0]
    return found


def _traffic_rules(scene: Scene, listener: str) -> list[dict[str, Any]]:
    rules = scene.elb.describe_rules(ListenerArn=listener)["Rules"]
    return [rule for rule in rules if not rule["IsDefault"]]


def _make_again(scene: Scene, listener: str, rule: dict[str, Any]) -> str:
    conditions = [
        {key: value for key, value in condition.items() if key == "Field" or "Config" in key}
        for condition in rule["Conditions"]
    ]
    made = scene.elb.create_rule(
        ListenerArn=listener,
        Priority=int(rule["Priority"]),
        Conditions=conditions,
        Actions=rule["Actions"],
    )["Rules"][0]["RuleArn"]
    if any(API in str(condition) for condition in conditions):
        scene.api_rule = made
    return str(made)


def _empty_target_group(scene: Scene) -> str:
    made = scene.elb.create_target_group(
        Name=f"{scene.name}-third",
        Protocol="HTTP",
        Port=8080,
        VpcId=scene.infrastructure.vpc,
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=4,
        HealthyThresholdCount=2,
    )["TargetGroups"]
    return str(made[0]["TargetGroupArn"])


def _foreign_target_group(scene: Scene) -> str:
    """With one healthy target, so that what goes there is answered."""
    arn = _empty_target_group(scene)
    scene.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": scene.hire_stranger()}])
    for _ in range(60):
        states = scene.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        if any(one["TargetHealth"]["State"] in ("healthy", "unused") for one in states):
            scene.wait(1.0)
            return arn
        scene.wait(0.2)
    raise NothingThere("the foreign target did not become healthy")
