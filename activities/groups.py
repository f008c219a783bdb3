"""Auto Scaling groups: made, sized, marked and removed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, chunks, code, nothing_there, sentence, tag_dict, translated
from activities.classic import detach
from activities.fleets import mixed_policy
from activities.templates import VERSION
from domain import names
from domain.errors import Conflict, NotReady
from domain.group_settings import LifecycleHook, ScalingPolicy
from domain.models import Deployment, Group, Instance, Model, State
from domain.sections import Mixed

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.type_defs import AutoScalingGroupTypeDef

KIND = "auto-scaling-group"
REBALANCE = "AZRebalance"
# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetInstanceProtection.html
MOST = 50
_METRICS = {"cpu": "ASGAverageCPUUtilization", "requests": "ALBRequestCountPerTarget"}


class OfStack(Model):
    region: str
    stack: str


class EnsureGroup(Model):
    """
    `launch` names the launch template (or configuration); a configuration cannot tag instances, so the group does.

    `suspend_az_rebalance`: its instances are not moved between zones while both versions serve.
    """

    region: str
    name: str
    launch: str
    configuration: bool
    subnets: tuple[str, ...]
    min: int
    max: int
    desired: int
    health_check_grace: int
    tags: dict[str, str]
    warmup: int | None = None
    mixed: Mixed | None = None
    lifecycle_hooks: tuple[LifecycleHook, ...] = ()
    suspend_az_rebalance: bool = False


class PutPolicies(Model):
    """`label` is the balancer's and target group's, which a policy on requests needs."""

    region: str
    group: str
    policies: tuple[ScalingPolicy, ...]
    label: str | None = None
    visible_by: datetime | None = None


class Resize(Model):
    region: str
    group: str
    min: int | None = None
    max: int | None = None
    desired: int | None = None


class MarkGroups(Model):
    """Tags per group; one call for all of them."""

    region: str
    tags: dict[str, dict[str, str]]


class Pin(Model):
    """
    What is to be restored is recorded on the group before anything changes, so that whoever finds it can undo it.

    `minimum` is left as it is where that is None; with `suspend_az_rebalance` its instances are not moved between zones.
    """

    region: str
    group: str
    minimum: int | None
    original: int | None
    suspend_az_rebalance: bool = False


class Unpin(Model):
    region: str
    group: str
    original: int | None
    resume_az_rebalance: bool = False


class GroupsRef(Model):
    region: str
    names: tuple[str, ...]


class Unprotect(Model):
    region: str
    group: str
    instances: tuple[str, ...]


class GroupRef(Model):
    region: str
    name: str


class RemoveGroup(GroupRef):
    """Only the group that `release` made is ever removed. From `visible_by` on, what AWS does not show is not there."""

    release: str
    visible_by: datetime | None = None


class Groups:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_deployments(self, request: OfStack) -> list[Deployment]:
        """All deployments of the stack, by tag; groups that AWS is deleting already are left out."""
        pages = (
            self._aws.autoscaling(request.region)
            .get_paginator("describe_auto_scaling_groups")
            .paginate(Filters=[{"Name": f"tag:{names.STACK}", "Values": [request.stack]}])
        )
        groups = [
            facts(group)
            for page in pages
            for group in page["AutoScalingGroups"]
            if not group.get("Status")
        ]
        return [deployment(group) for group in groups]

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_group(self, request: GroupRef) -> Group | None:
        return self._group(request.region, request.name)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def ensure_group(self, request: EnsureGroup) -> None:
        """Raises Conflict where the name is taken by a group of another release."""
        template = {"LaunchTemplateName": request.launch, "Version": VERSION}
        launch: Any = (
            {"LaunchConfigurationName": request.launch}
            if request.configuration
            else {"LaunchTemplate": template}
        )
        if request.mixed:
            launch = {"MixedInstancesPolicy": mixed_policy(template, request.mixed)}
        autoscaling = self._aws.autoscaling(request.region)
        more: Any = (
            {"LifecycleHookSpecificationList": [_hook(hook) for hook in request.lifecycle_hooks]}
            if request.lifecycle_hooks
            else {}
        )
        more |= {"DefaultInstanceWarmup": request.warmup} if request.warmup is not None else {}
        try:
            autoscaling.create_auto_scaling_group(
                AutoScalingGroupName=request.name,
                MinSize=request.min,
                MaxSize=request.max,
                DesiredCapacity=request.desired,
                VPCZoneIdentifier=",".join(request.subnets),
                HealthCheckType="ELB",
                HealthCheckGracePeriod=request.health_check_grace,
                # Nobody's ForceDelete takes what serves or what a rollback goes back to.
                DeletionProtection="prevent-force-deletion",
                Tags=_tags(request.name, request.tags, propagate=request.configuration),
                **launch,
                **more,
            )
        except ClientError as error:
            if code(error) != "AlreadyExists":
                raise
            known = self._group(request.region, request.name)
            if known is None:
                raise NotReady(
                    f"AWS says that the group {request.name} exists, and does not show it yet"
                ) from None
            if known.tags.get(names.RELEASE) != request.tags[names.RELEASE]:
                raise Conflict(
                    f"the Auto Scaling group {request.name} exists and another release made it"
                ) from None
        if request.suspend_az_rebalance:
            autoscaling.suspend_processes(
                AutoScalingGroupName=request.name, ScalingProcesses=[REBALANCE]
            )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def put_policies(self, request: PutPolicies) -> None:
        """Target tracking; the same name again replaces the policy by itself."""
        for policy in request.policies:
            metric: Any = {"PredefinedMetricType": _METRICS[policy.metric]}
            if policy.metric == "requests":
                metric["ResourceLabel"] = request.label
            try:
                self._aws.autoscaling(request.region).put_scaling_policy(
                    AutoScalingGroupName=request.group,
                    PolicyName=names.scaling_policy(request.group, policy.metric),
                    PolicyType="TargetTrackingScaling",
                    TargetTrackingConfiguration={
                        "PredefinedMetricSpecification": metric,
                        "TargetValue": policy.target,
                    },
                )
            except ClientError as error:
                if "not found" in sentence(error):
                    nothing_there(f"the group {request.group}", request.visible_by)
                raise

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def resize(self, request: Resize) -> None:
        """All bounds in one call: apart, each would move the desired size on its own."""
        sizes: Any = {
            "MinSize": request.min,
            "MaxSize": request.max,
            "DesiredCapacity": request.desired,
        }
        self._aws.autoscaling(request.region).update_auto_scaling_group(
            AutoScalingGroupName=request.group,
            **{key: size for key, size in sizes.items() if size is not None},
        )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def mark(self, request: MarkGroups) -> None:
        """All groups' tags in one call."""
        tags = [
            tag
            for group, values in request.tags.items()
            for tag in _tags(group, values, propagate=False)
        ]
        self._aws.autoscaling(request.region).create_or_update_tags(Tags=tags)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def pin_minimum(self, request: Pin) -> None:
        """Scale-in stops, scale-out stays on; no instance is moved between zones."""
        autoscaling = self._aws.autoscaling(request.region)
        tags = {names.RESTORE_MIN: str(request.original)} if request.minimum is not None else {}
        tags |= {names.RESTORE_REBALANCE: "true"} if request.suspend_az_rebalance else {}
        autoscaling.create_or_update_tags(Tags=_tags(request.group, tags, propagate=False))
        if request.minimum is not None:
            autoscaling.update_auto_scaling_group(
                AutoScalingGroupName=request.group, MinSize=request.minimum
            )
        if request.suspend_az_rebalance:
            autoscaling.suspend_processes(
                AutoScalingGroupName=request.group, ScalingProcesses=[REBALANCE]
            )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def unpin_minimum(self, request: Unpin) -> None:
        autoscaling = self._aws.autoscaling(request.region)
        if request.original is not None:
            autoscaling.update_auto_scaling_group(
                AutoScalingGroupName=request.group, MinSize=request.original
            )
        if request.resume_az_rebalance:
            autoscaling.resume_processes(
                AutoScalingGroupName=request.group, ScalingProcesses=[REBALANCE]
            )
        # Every group of ours has these tags from the start: empty is as it was before.
        tags = {names.RESTORE_MIN: ""} if request.original is not None else {}
        tags |= {names.RESTORE_REBALANCE: ""} if request.resume_az_rebalance else {}
        autoscaling.create_or_update_tags(Tags=_tags(request.group, tags, propagate=False))

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def resume_az_rebalance(self, request: GroupsRef) -> None:
        """One call a group. Content where it never was suspended."""
        for name in request.names:
            self._aws.autoscaling(request.region).resume_processes(
                AutoScalingGroupName=name, ScalingProcesses=[REBALANCE]
            )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def unprotect(self, request: Unprotect) -> None:
        """So that size zero ends them: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-instance-protection.html."""
        for some in chunks(request.instances, MOST):
            self._aws.autoscaling(request.region).set_instance_protection(
                AutoScalingGroupName=request.group, InstanceIds=some, ProtectedFromScaleIn=False
            )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def remove_group(self, request: RemoveGroup) -> None:
        """
        To size zero, which drains it, and deleted once it is empty; content to find nothing. Never ForceDelete.

        Raises NotReady until it is gone, Conflict where another release made the group.
        """
        autoscaling = self._aws.autoscaling(request.region)
        group = self._group(request.region, request.name)
        if group is None:
            return nothing_there(f"the group {request.name}", request.visible_by)
        if group.tags.get(names.RELEASE) != request.release:
            raise Conflict(f"the Auto Scaling group {request.name} is of another release and stays")
        if group.desired or group.min:
            autoscaling.update_auto_scaling_group(
                AutoScalingGroupName=request.name, MinSize=0, DesiredCapacity=0
            )
        if group.instances:
            raise NotReady(f"the group {request.name} still has {len(group.instances)} instances")
        try:
            autoscaling.delete_auto_scaling_group(AutoScalingGroupName=request.name)
        except ClientError as error:
            if code(error).startswith(("ResourceInUse", "ScalingActivityInProgress")):
                raise NotReady(
                    f"the group {request.name} is not empty yet: {sentence(error)}"
                ) from None
            if "not found" not in sentence(error):
                raise

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def empty_group(self, request: GroupRef) -> None:
        """To size zero, which drains it, then out of every target group and balancer; content where it is gone. Raises NotReady until it is empty."""
        autoscaling = self._aws.autoscaling(request.region)
        group = self._group(request.region, request.name)
        if group is None:
            return
        if group.desired or group.min or group.max:
            autoscaling.update_auto_scaling_group(
                AutoScalingGroupName=request.name, MinSize=0, MaxSize=0, DesiredCapacity=0
            )
        if group.instances:
            raise NotReady(f"the group {request.name} still has {len(group.instances)} instances")
        if group.target_groups:
            detach(self._aws, request.region, request.name, group.target_groups)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def delete_empty_group(self, request: GroupRef) -> None:
        """Content to find nothing. Raises Conflict where it has instances: somebody woke it, and prune scales nothing down."""
        try:
            self._aws.autoscaling(request.region).delete_auto_scaling_group(
                AutoScalingGroupName=request.name
            )
        except ClientError as error:
            if code(error).startswith("ResourceInUse"):
                raise Conflict(
                    f"the Auto Scaling group {request.name} has instances again, and stays: {sentence(error)}"
                ) from None
            if "not found" not in sentence(error):
                raise

    def _group(self, region: str, name: str) -> Group | None:
        found = self._aws.autoscaling(region).describe_auto_scaling_groups(
            AutoScalingGroupNames=[name]
        )["AutoScalingGroups"]
        return facts(found[0]) if found and not found[0].get("Status") else None


def facts(group: AutoScalingGroupTypeDef) -> Group:
    """The group as AWS describes it; what its targets say is added by who asks the balancer."""
    template = group.get("LaunchTemplate") or group.get("MixedInstancesPolicy", {}).get(
        "LaunchTemplate", {}
    ).get("LaunchTemplateSpecification", {})
    return Group(
        name=group["AutoScalingGroupName"],
        min=group["MinSize"],
        max=group["MaxSize"],
        desired=group["DesiredCapacity"],
        instances=tuple(
            Instance(
                id=instance["InstanceId"],
                lifecycle=instance["LifecycleState"],
                healthy=instance["HealthStatus"].lower() == "healthy",
                zone=instance["AvailabilityZone"],
                protected=instance.get("ProtectedFromScaleIn", False),
                weight=int(instance.get("WeightedCapacity") or 1),
            )
            for instance in sorted(
                group.get("Instances", []), key=lambda instance: instance["InstanceId"]
            )
            # A warm pool's serve nobody: https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html.
            if not instance["LifecycleState"].startswith("Warmed")
        ),
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


def _tags(group: str, tags: dict[str, str], *, propagate: bool) -> list[Any]:
    return [
        {
            "ResourceId": group,
            "ResourceType": KIND,
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagate,
        }
        for key, value in tags.items()
    ]
