"""Forward actions, read and written as somebody with Terraform does."""

from __future__ import annotations

from typing import Any

# The path of the second rule that carries a weighted stack's traffic; a port for one more listener.
API = "/api/*"
SECOND_PORT = 8100


def forward(weights: dict[str, int], *, sticky: bool = False) -> dict[str, Any]:
    """An action with these weights by target group ARN."""
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    config: dict[str, Any] = {"TargetGroups": groups}
    if sticky:
        config["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 5}
    return {"Type": "forward", "ForwardConfig": config}


def weights_of(elb: Any, listener: str, rule: str | None) -> dict[str, int]:
    """By target group ARN: of the rule, or of the listener's default action."""
    if rule is None:
        actions = elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
    else:
        actions = elb.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"]
    config = actions[-1].get("ForwardConfig") or {}
    return {group["TargetGroupArn"]: int(group["Weight"]) for group in config["TargetGroups"]}
