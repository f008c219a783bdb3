"""An Auto Scaling group as AWS describes it, and the deployment that its tags describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activities.aws import Aws, tag_dict
from domain import names
from domain.models import Deployment, Group, Instance, State

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.type_defs import AutoScalingGroupTypeDef


def known_group(aws: Aws, region: str, name: str) -> Group | None:
    """None where AWS does not show the group, or is deleting it."""
    found = aws.autoscaling(region).describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    groups = found["AutoScalingGroups"]
    return facts(groups[0]) if groups and not groups[0].get("Status") else None


def protected(aws: Aws, region: str, name: str) -> list[str]:
    """The ids of the group's instances that are protected from scale-in."""
    found = aws.autoscaling(region).describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    groups = found["AutoScalingGroups"]
    return [instance.id for group in groups for instance in members(group) if instance.protected]


def members(group: AutoScalingGroupTypeDef) -> tuple[Instance, ...]:
    """Its instances, without their targets' states."""
    return tuple(
        Instance(
            id=instance["InstanceId"],
            lifecycle=instance["LifecycleState"],
            healthy=instance["HealthStatus"].lower() == "healthy",
            protected=instance.get("ProtectedFromScaleIn", False),
            weight=int(instance.get("WeightedCapacity") or 1),
        )
        for instance in sorted(
            group.get("Instances", []), key=lambda instance: instance["InstanceId"]
        )
        # Instances in a warm pool do not serve:
        # https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
        if not instance["LifecycleState"].startswith("Warmed")
    )


def facts(group: AutoScalingGroupTypeDef) -> Group:
    """The group as AWS describes it."""
    template = group.get("LaunchTemplate") or group.get("MixedInstancesPolicy", {}).get(
        "LaunchTemplate", {}
    ).get("LaunchTemplateSpecification", {})
    instances = members(group)
    return Group(
        name=group["AutoScalingGroupName"],
        min=group["MinSize"],
        max=group["MaxSize"],
        desired=group["DesiredCapacity"],
        instances=len(instances),
        units=sum(instance.weight for instance in instances),
        protected=sum(instance.protected for instance in instances),
        target_groups=(
            *group.get("TargetGroupARNs", []),
            *map(names.classic, group.get("LoadBalancerNames", [])),
        ),
        suspended=tuple(
            sorted(process["ProcessName"] for process in group.get("SuspendedProcesses", []))
        ),
        tags=tag_dict(group.get("Tags")),
        launch_template=template.get("LaunchTemplateName"),
        launch_configuration=group.get("LaunchConfigurationName"),
        mixed="MixedInstancesPolicy" in group,
        weights=_weights(group),
        warm_pool="WarmPoolConfiguration" in group,
    )


def _weights(group: AutoScalingGroupTypeDef) -> dict[str, int]:
    overrides = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("Overrides", [])
    return {
        o["InstanceType"]: int(o.get("WeightedCapacity") or 1)
        for o in overrides
        if "InstanceType" in o
    }


def deployment(group: Group) -> Deployment:
    tags = group.tags
    return Deployment(
        name=group.name,
        tag=tags.get(names.TAG, ""),
        commit=tags.get(names.COMMIT, ""),
        release=tags.get(names.RELEASE, ""),
        state=State(tags[names.STATE]) if tags.get(names.STATE) in list(State) else None,
        served_at=tags.get(names.SERVED_AT, ""),
        group=group,
    )
