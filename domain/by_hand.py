"""AWS commands for a person who has to say which deployment serves."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping

from domain import names
from domain.models import Group, State
from domain.traffic import Rule

# The shell of the person who runs the command fills it in.
NOW = "$(date -u +%FT%TZ)"


def mark(tags: Mapping[str, Mapping[str, str]]) -> str:
    """Sets the tags of these groups."""
    given = [
        f"ResourceId={group},ResourceType=auto-scaling-group,Key={key},Value={value},"
        "PropagateAtLaunch=false"
        for group, values in tags.items()
        for key, value in values.items()
    ]
    return f"aws autoscaling create-or-update-tags --tags {' '.join(given)}"


def serves(group: Group) -> dict[str, str]:
    """The tags of a group that serves from now on."""
    woken = {names.WOKEN_BY: ""} if group.tags.get(names.WOKEN_BY) else {}
    return woken | {names.SERVED_AT: NOW, names.STATE: State.SERVING.value}


def weigh(rules: Iterable[Rule], target_groups: Iterable[str], home: str) -> list[str]:
    """All of the traffic of these rules goes to `home`."""
    weights = {arn: 100 if arn == home else 0 for arn in target_groups}
    return [_forward(rule, rule.weights | weights) for rule in rules]


def _forward(rule: Rule, weights: Mapping[str, int]) -> str:
    config: dict[str, object] = {
        "TargetGroups": [{"TargetGroupArn": arn, "Weight": w} for arn, w in weights.items()]
    }
    if rule.sticky:
        config["TargetGroupStickinessConfig"] = {
            "Enabled": True,
            "DurationSeconds": int(rule.sticky),
        }
    forward = json.dumps([{"Type": "forward", "ForwardConfig": config}])
    actions = shlex.quote(forward)
    if rule.default:
        listener = f"aws elbv2 modify-listener --listener-arn {rule.listener}"
        return f"{listener} --default-actions {actions}"
    return f"aws elbv2 modify-rule --rule-arn {rule.arn} --actions {actions}"


def leave(group: Group, target_groups: Iterable[str]) -> str:
    """Out of these target groups and balancers; also where a person registered its instances."""
    asked = sorted(target_groups)
    attached = [arn for arn in asked if arn in group.target_groups]
    steps = [names.membership_by_hand("detach", group.name, attached)] if attached else []
    steps += [
        f"deregister the instances of {group.name} from {arn}"
        for arn in asked
        if arn not in attached
    ]
    return "; ".join(steps)
