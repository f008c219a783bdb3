"""What AWS is told of a group when it is made."""

from __future__ import annotations

from typing import Any

from activities.fleets import mixed_policy
from activities.group_requests import EnsureGroup
from activities.templates import VERSION
from domain import names
from domain.group_settings import LifecycleHook, ScalingPolicy

_METRICS = {"cpu": "ASGAverageCPUUtilization", "requests": "ALBRequestCountPerTarget"}


def creation(request: EnsureGroup) -> dict[str, Any]:
    """
    Without its tags. https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html
    """
    parameters = {
        "AutoScalingGroupName": request.name,
        "MinSize": request.min,
        "MaxSize": request.max,
        "DesiredCapacity": request.desired,
        "VPCZoneIdentifier": ",".join(request.subnets),
        "HealthCheckType": "ELB",
        "HealthCheckGracePeriod": request.health_check_grace,
        # AWS then refuses ForceDelete, also of a group that serves or is parked.
        "DeletionProtection": "prevent-force-deletion",
    }
    if request.lifecycle_hooks:
        parameters["LifecycleHookSpecificationList"] = [
            _hook(hook) for hook in request.lifecycle_hooks
        ]
    if request.warmup is not None:
        parameters["DefaultInstanceWarmup"] = request.warmup
    return parameters | _launch(request)


def _launch(request: EnsureGroup) -> dict[str, Any]:
    template = {"LaunchTemplateName": request.launch, "Version": VERSION}
    if request.mixed:
        return {"MixedInstancesPolicy": mixed_policy(template, request.mixed)}
    if request.configuration:
        return {"LaunchConfigurationName": request.launch}
    return {"LaunchTemplate": template}


def _hook(hook: LifecycleHook) -> Any:
    specification = {
        "LifecycleHookName": hook.name,
        "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{hook.transition.upper()}",
        "HeartbeatTimeout": hook.timeout,
        "DefaultResult": hook.default,
        "NotificationMetadata": hook.metadata,
        "NotificationTargetARN": hook.notify,
        "RoleARN": hook.role,
    }
    return {key: value for key, value in specification.items() if value is not None}


def scaling_policy(group: str, policy: ScalingPolicy, label: str | None) -> dict[str, Any]:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScalingPolicy.html"""
    metric: dict[str, Any] = {"PredefinedMetricType": _METRICS[policy.metric]}
    if policy.metric == "requests":
        metric["ResourceLabel"] = label
    return {
        "AutoScalingGroupName": group,
        "PolicyName": names.scaling_policy(group, policy.metric),
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingConfiguration": {
            "PredefinedMetricSpecification": metric,
            "TargetValue": policy.target,
        },
    }
