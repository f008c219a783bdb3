"""Auto Scaling with time: instances come and go one tick at a time, balanced over the zones, replaced when unhealthy."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import (
    ASG_NAME_TAG,
    Activity,
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
    autoscaling_backends,
)
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError

from localcloud import lifecycle, mixing
from localcloud.classic import joined
from localcloud.region import TICK, Region, backends, correct
from localcloud.targets import Targets

RETRY_AFTER_FAILURE = 5
SHORTEST_GRACE = 5
STAYING = ("InService", "Pending", "Pending:Wait")


class Groups:
    def __init__(self, region: Region, targets: Targets) -> None:
        self.region = region
        self.targets = targets

    def install(self) -> None:
        groups = self

        @correct(FakeAutoScalingGroup, "set_desired_capacity")
        def set_desired_capacity(original: Any, self: Any, capacity: int | None) -> None:
            wanted = self.min_size if capacity is None else capacity
            if not (self.min_size or 0) <= (wanted or 0) <= (self.max_size or 0):
                edge = "above max" if wanted > self.max_size else "below min"
                raise AutoscalingClientError(
                    "ValidationError",
                    f"New SetDesiredCapacity value {wanted} is {edge} value {self.max_size if edge == 'above max' else self.min_size} for the AutoScalingGroup.",
                )
            self.desired_capacity = wanted

        @correct(AutoScalingBackend, "delete_auto_scaling_group")
        def delete(original: Any, self: Any, name: str) -> None:
            group = self.autoscaling_groups.get(name)
            if group is None:
                raise AutoscalingClientError(
                    "ValidationError",
                    f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found",
                )
            for member in group.instance_states:
                groups.terminate(group, member, "in response to the deletion of the group")
            del self.autoscaling_groups[name]

        @correct(AutoScalingBackend, "detach_load_balancer_target_groups")
        def detach(original: Any, self: Any, name: str, arns: list[str]) -> None:
            group = self.autoscaling_groups[name]
            if missing := [arn for arn in arns if arn not in group.target_group_arns]:
                raise AutoscalingClientError(
                    "ValidationError",
                    f"Trying to remove target groups that are not part of the group: {missing}",
                )
            group.target_group_arns = [arn for arn in group.target_group_arns if arn not in arns]
            for arn in arns:
                groups.targets.deregister(
                    arn, [member.instance.id for member in group.instance_states]
                )

        AutoScalingBackend.update_attached_target_groups = lambda self, name: groups.register(
            self.autoscaling_groups[name]
        )
        # The group shows what its members were launched from; moto shows the template's default version.
        InstanceState.launch_template = property(lambda self: getattr(self, "launched_from", None))

        def describe_scaling_activities(self: Any) -> Any:
            group = self.autoscaling_backend.autoscaling_groups.get(
                self._get_param("AutoScalingGroupName")
            )
            limit = self._get_int_param("MaxRecords", 100)
            return ActionResult({"Activities": getattr(group, "history", [])[:limit]})

        AutoScalingResponse.describe_scaling_activities = describe_scaling_activities
        self.region.every_tick(self.tick)

    def tick(self) -> None:
        for group in [
            group
            for of in backends(autoscaling_backends)
            for group in of.autoscaling_groups.values()
        ]:
            self.region.guarded(partial(self._tick_group, group))

    def _tick_group(self, group: Any) -> None:
        self._bring_into_service(group)
        self._judge(group)
        self._meet_desired(group)
        group.instance_states = [
            m
            for m in group.instance_states
            if m.instance.state != "terminated" or m.lifecycle_state != mixing.GOING
        ]

    def register(self, group: Any) -> None:
        if "AddToLoadBalancer" in group._suspended_processes:
            return
        for arn in joined(group):
            self.targets.register(
                arn, [m.instance for m in group.instance_states if m.lifecycle_state == "InService"]
            )

    def terminate(self, group: Any, member: Any, why: str) -> None:
        """Out of the balancer first; the instance itself only when every target group has drained it."""
        if member.lifecycle_state.startswith(mixing.GOING):
            return
        member.lifecycle_state = mixing.GOING
        note(
            group,
            f"Terminating EC2 instance: {member.instance.id}",
            f"an instance was taken out of service {why}.",
        )
        wait = max(
            [self.targets.deregister(arn, [member.instance.id]) for arn in joined(group)], default=0
        )
        ec2 = group.autoscaling_backend.ec2_backend
        if hasattr(member, "hook_deadline"):
            del member.hook_deadline

        def end() -> None:
            if lifecycle.waits(group, member, lifecycle.TERMINATING, self.region.delays.scale):
                member.lifecycle_state = f"{mixing.GOING}:Wait"
                self.region.later(TICK, end)
                return
            member.lifecycle_state = mixing.GOING
            ec2.terminate_instances([member.instance.id])

        self.region.later(wait, end)

    def _bring_into_service(self, group: Any) -> None:
        for member in group.instance_states:
            if (
                member.lifecycle_state in ("Pending", "Pending:Wait")
                and member.instance.state == "running"
            ):
                if lifecycle.waits(group, member, lifecycle.LAUNCHING, self.region.delays.scale):
                    member.lifecycle_state = "Pending:Wait"
                    continue
                if getattr(member, "abandoned", False):
                    self.terminate(group, member, "because its lifecycle hook was abandoned")
                    continue
                member.lifecycle_state, member.in_service_since = "InService", time.monotonic()
                # Once: AWS does not bring back a target that somebody deregistered.
                self.register(group)

    def _judge(self, group: Any) -> None:
        if "HealthCheck" in group._suspended_processes:
            return
        grace = group.health_check_grace_period or 0
        # However fast time runs here, a process takes as long to start as it takes: some grace stays grace.
        grace = max(grace * self.region.delays.scale, min(grace, SHORTEST_GRACE))
        for member in group.instance_states:
            if member.lifecycle_state not in STAYING:
                continue
            why = ""
            if member.instance.state not in ("running", "pending"):
                why = "in response to an EC2 health check indicating it has been terminated or stopped"
            elif (
                group.health_check_type == "ELB"
                and member.lifecycle_state == "InService"
                and time.monotonic() - member.in_service_since > grace
                and any(
                    self.targets.state(arn, member.instance.id) == "unhealthy"
                    for arn in joined(group)
                )
            ):
                why = "in response to an ELB system health check failure"
            if why:
                member.health_status = "Unhealthy"
            if (
                member.health_status == "Unhealthy"
                and "ReplaceUnhealthy" not in group._suspended_processes
            ):
                self.terminate(group, member, why or "in response to a user health-check")

    def _meet_desired(self, group: Any) -> None:
        staying = [m for m in group.instance_states if m.lifecycle_state in STAYING]
        surplus = sum(map(mixing.weight, staying)) - (group.desired_capacity or 0)
        may_launch = "Launch" not in group._suspended_processes and time.monotonic() >= getattr(
            group, "retry_at", 0
        )
        if surplus < 0 and may_launch:
            self._launch(group, -surplus)
        elif surplus == 0 and may_launch and mixing.misfit(group):
            # What replaces it comes first; the surplus is ended once that is in service.
            self._launch(group, 1)
        elif surplus > 0 and "Terminate" not in group._suspended_processes:
            misfits = mixing.misfit(group)
            if misfits and any(m.lifecycle_state != "InService" for m in staying):
                return
            while True:
                zones = [m.availability_zone for m in staying]
                # Never below the desired size: a heavy one may have to stay.
                candidates = [
                    m
                    for m in staying
                    if not m.protected_from_scale_in and mixing.weight(m) <= surplus
                ]
                if not candidates:
                    return
                member = max(
                    candidates, key=lambda m: (m in misfits, zones.count(m.availability_zone))
                )
                staying.remove(member)
                surplus -= mixing.weight(member)
                self.terminate(
                    group,
                    member,
                    f"in response to a difference between desired and actual capacity, shrinking the capacity to {group.desired_capacity}",
                )

    def _launch(self, group: Any, units: int) -> None:
        """Until they are there: the last may be one too heavy."""
        subnets = (group.vpc_zone_identifier or "").split(",")
        while units > 0:
            units -= mixing.first_weight(group)
            instance = self._launch_one(group, subnets)
            if instance is None:
                group.retry_at = time.monotonic() + RETRY_AFTER_FAILURE * self.region.delays.scale
                return
            instance.autoscaling_group = group
            member: Any = InstanceState(
                instance,
                lifecycle_state="Pending",
                protected_from_scale_in=group.new_instances_protected_from_scale_in,
            )
            if group.ec2_launch_template:
                version = group.ec2_launch_template.get_version(group.launch_template_version)
                member.launched_from = {
                    "LaunchTemplateId": group.ec2_launch_template.id,
                    "LaunchTemplateName": group.ec2_launch_template.name,
                    "Version": str(version.number),
                }
            mixing.weigh(group, member)
            group.instance_states.append(member)
            note(
                group,
                f"Launching a new EC2 instance: {instance.id}",
                "an instance was started in response to a difference between desired and actual capacity.",
            )

    def _launch_one(self, group: Any, subnets: list[str]) -> Any:
        """In the emptiest zone, or where that one has no capacity in the next; each failure is a scaling activity of its own."""
        for subnet in sorted(
            subnets, key=lambda s: sum(m.instance.subnet_id == s for m in group.instance_states)
        ):
            try:
                return self._run(group, subnet)
            except (EC2ClientError, IndexError, LookupError) as problem:
                error = (
                    problem
                    if isinstance(problem, EC2ClientError)
                    else EC2ClientError("ValidationError", f"{problem}")
                )
                note(
                    group,
                    "Launching a new EC2 instance.  Status Reason: " + error.message,
                    "an instance was started in response to a difference between desired and actual capacity.",
                    "Failed",
                    error.message + " Launching EC2 instance failed.",
                )
                if error.code != "InsufficientInstanceCapacity":
                    return None
        return None

    @staticmethod
    def _run(group: Any, subnet: str) -> Any:
        """Moto leaves profile and metadata options of the template or configuration out."""
        tags = group.get_propagated_tags() | group.instance_tags | {ASG_NAME_TAG: group.name}
        template: dict[str, str] = {}
        data: dict[str, Any] = {}
        metadata: Any = group.launch_config.metadata_options if group.launch_config else None
        profile = group.launch_config.iam_instance_profile if group.launch_config else None
        if group.ec2_launch_template:
            template = {
                "LaunchTemplateId": group.ec2_launch_template.id,
                "Version": group.launch_template_version,
            }
            data = group.ec2_launch_template.get_version(group.launch_template_version).data
            metadata = data.get("MetadataOptions")
            profile = data.get("IamInstanceProfile", {}).get("Name")
        ec2 = group.autoscaling_backend.ec2_backend
        reservation = ec2.run_instances(
            group.image_id,
            1,
            group.user_data,
            group.security_groups,
            instance_type=mixing.first_type(group) or group.instance_type,
            tags={"instance": tags},
            launch_config=group.launch_config,
            launch_template=template,
            is_instance_type_default=False,
            subnet_id=subnet,
            metadata_options=metadata or {},
            iam_instance_profile=profile,
        )
        instance = reservation.instances[0]
        if mixing.wants_spot(group):
            instance.lifecycle = "spot"
        return instance


def note(
    group: Any, description: str, cause: str, status: str = "Successful", message: str | None = None
) -> None:
    """One more line in the group's scaling activities, newest first as AWS lists them."""
    activity: Any = Activity(
        description,
        f"At {utcnow().isoformat(timespec='seconds')}Z {cause}",
        group,
        status_code=status,
    )
    activity.progress, activity.status_message = 100, message
    group.__dict__.setdefault("history", []).insert(0, activity)
