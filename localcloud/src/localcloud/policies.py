"""Scaling policies are named within their group; moto keeps them by name alone."""

from __future__ import annotations

from typing import Any

from localcloud import pages
from localcloud.patches import Original, corrects, replaces
from localcloud.upstream import AutoscalingClientError, EmptyResult

_RESPONSE = "moto.autoscaling.responses:AutoScalingResponse."


class Policies:
    @corrects(
        "moto.autoscaling.models:AutoScalingBackend.put_scaling_policy",
        "A policy belongs to its group, and its target group is attached to that group.",
        pages.autoscaling("PutScalingPolicy"),
    )
    def put(self, original: Original, autoscaling: Any, name: str, *more: Any, **named: Any) -> Any:
        configuration = named.get("target_tracking_config") or {}
        label = configuration.get("PredefinedMetricSpecification", {}).get("ResourceLabel")
        group = autoscaling.autoscaling_groups.get(named.get("as_name"))
        if group is None:
            raise AutoscalingClientError("ValidationError", "Group name not found")
        suffix = label[label.index("targetgroup/") :] if label else ""
        if label and not any(arn.endswith(suffix) for arn in group.target_group_arns):
            raise AutoscalingClientError(
                "ValidationError",
                f"The target group of the resource label {label} is not attached to {group.name}",
            )
        policy = original(autoscaling, name, *more, **named)
        autoscaling.policies[f"{group.name}/{name}"] = autoscaling.policies.pop(name)
        return policy

    @corrects(
        _RESPONSE + "put_scaling_policy",
        "The answer has PolicyARN; moto spells it PolicyArn.",
        pages.autoscaling("PutScalingPolicy"),
    )
    def spell(self, original: Original, response: Any) -> Any:
        answer = original(response)
        answer.result["PolicyARN"] = answer.result.pop("PolicyArn")
        return answer

    @replaces(
        _RESPONSE + "delete_policy",
        "A policy of another group, or one that does not exist, is not deleted.",
        pages.autoscaling("DeletePolicy"),
    )
    def delete(self, response: Any) -> Any:
        group, name = response._get_param("AutoScalingGroupName"), response._get_param("PolicyName")
        if response.autoscaling_backend.policies.pop(f"{group}/{name}", None) is None:
            raise AutoscalingClientError("ValidationError", f"No policy is called {group}/{name}")
        return EmptyResult()
