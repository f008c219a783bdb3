"""A listener rule as AWS describes it, and its actions as they are written back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.traffic import Rule


@dataclass(frozen=True)
class Found:
    """A rule, and its actions as AWS has them: what is not ours in them is written back."""

    rule: Rule
    actions: list[Any]


def as_found(listener: str, rule: Any) -> Found:
    actions: list[Any] = rule["Actions"]
    config = _forward(actions).get("ForwardConfig", {})
    sticky = config.get("TargetGroupStickinessConfig", {})
    return Found(
        Rule(
            arn=rule["RuleArn"],
            listener=listener,
            default=rule.get("IsDefault", False),
            weights={g["TargetGroupArn"]: int(g.get("Weight", 1)) for g in _groups(actions)},
            sticky=float(sticky.get("DurationSeconds", 0)) if sticky.get("Enabled") else 0,
        ),
        actions,
    )


def _forward(actions: list[Any]) -> dict[str, Any]:
    """Empty where the rule answers by itself, or redirects."""
    return next((action for action in actions if action["Type"] == "forward"), {})


def _groups(actions: list[Any]) -> list[Any]:
    forwards = _forward(actions)
    groups: list[Any] = forwards.get("ForwardConfig", {}).get("TargetGroups", [])
    arn = forwards.get("TargetGroupArn")
    return groups or ([{"TargetGroupArn": arn}] if arn else [])


def with_weights(actions: list[Any], weights: Mapping[str, int]) -> list[Any]:
    """
    The same actions with these target groups and weights in the forward action.

    AWS also tells the only target group with weight by itself, and refuses to read that. It never
    tells the secret of an OIDC client, and keeps it where it is asked to.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AuthenticateOidcActionConfig.html
    """
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    written = []
    for action in actions:
        changed = dict(action)
        if action["Type"] == "forward":
            changed.pop("TargetGroupArn", None)
            changed["ForwardConfig"] = action.get("ForwardConfig", {}) | {"TargetGroups": groups}
        elif action["Type"] == "authenticate-oidc":
            config = action["AuthenticateOidcConfig"]
            changed["AuthenticateOidcConfig"] = config | {"UseExistingClientSecret": True}
        written.append(changed)
    return written
