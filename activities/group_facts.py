"""An Auto Scaling group as AWS describes it, and the deployment that its tags describe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from activities.aws import Aws, tag_dict
from domain import lifecycle, names
from domain.models import Deployment, Group, Instance, State

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.type_defs import AutoScalingGroupTypeDef


def known_group(aws: Aws, region: str, name: str) -> Group | None:
    """None where AWS does not show the group, or is deleting it."""
    group = described(aws, region, name)
    return facts(group) if group else None


def described(aws: Aws, region: str, name: str) -> AutoScalingGroupTypeDef | None:
    """In AWS's words. None where AWS does not show the group, or is deleting it."""
    found = aws.autoscaling(region).describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    groups = found["AutoScalingGroups"]
    return groups[0] if groups and not groups[0].get("Status") else None


def of_stack(aws: Aws, region: str, stack: str) -> list[AutoScalingGroupTypeDef]:
    """All groups of the stack, by tag, without those that AWS is deleting."""
    by_stack: Any = {"Name": f"tag:{names.STACK}", "Values": [stack]}
    pages = (
        aws.autoscaling(region)
        .get_paginator("describe_auto_scaling_groups")
        .paginate(Filters=[by_stack])
    )
    groups = [group for page in pages for group in page["AutoScalingGroups"]]
    return [group for group in groups if not group.get("Status")]


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
        if lifecycle.is_member(instance["LifecycleState"])
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
        **counted(instances),
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


def counted(instances: Sequence[Instance]) -> dict[str, int]:
    """The fields of Group that count its instances."""
    states = [instance.lifecycle for instance in instances]
    return {
        "instances": len(states),
        "units": sum(i.weight for i in instances if lifecycle.counts(i.lifecycle)),
        "protected": sum(map(lifecycle.is_protected, instances)),
        "leaving": sum(map(lifecycle.leaves, states)),
        "lingering": sum(map(lifecycle.lingers, states)),
        "aside": sum(lifecycle.place(state) is lifecycle.Place.ASIDE for state in states),
    }


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
