"""Auto Scaling takes time: members come, are judged and go one tick at a time, zone by zone."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from localcloud import lifecycle, mixing, pages
from localcloud.classic import joined
from localcloud.group_rules import require_group
from localcloud.launching import launch, note
from localcloud.patches import replaces
from localcloud.region import TICK, Region
from localcloud.targets import Targets
from localcloud.upstream import ActionResult, AutoscalingClientError, backends

_AUTOSCALING = "moto.autoscaling.models:AutoScalingBackend."
SHORTEST_GRACE = 5
STAYING = ("InService", "Pending", "Pending:Wait")
_LOST = "in response to an EC2 health check indicating it has been terminated or stopped"
_FAILED = "in response to an ELB system health check failure"


class Groups:
    def __init__(self, region: Region, targets: Targets) -> None:
        self._region = region
        self._targets = targets
        region.every_tick(self._tick)

    @replaces(
        _AUTOSCALING + "delete_auto_scaling_group",
        "The members of a deleted group are drained and terminated in time.",
        pages.autoscaling("DeleteAutoScalingGroup"),
    )
    def delete(self, autoscaling: Any, group_name: str) -> None:
        group = autoscaling.autoscaling_groups.get(group_name)
        if group is None:
            raise AutoscalingClientError(
                "ValidationError",
                f"AutoScalingGroup name not found - AutoScalingGroup '{group_name}' not found",
            )
        for member in group.instance_states:
            self.terminate(group, member, "in response to the deletion of the group")
        del autoscaling.autoscaling_groups[group_name]

    @replaces(
        _AUTOSCALING + "detach_load_balancer_target_groups",
        "The members of a detached target group are drained.",
        pages.autoscaling("DetachLoadBalancerTargetGroups"),
    )
    def detach(self, autoscaling: Any, group_name: str, target_group_arns: list[str]) -> None:
        group = require_group(autoscaling, group_name)
        if missing := [arn for arn in target_group_arns if arn not in group.target_group_arns]:
            raise AutoscalingClientError(
                "ValidationError",
                f"Trying to remove target groups that are not part of the group: {missing}",
            )
        group.target_group_arns = [
            arn for arn in group.target_group_arns if arn not in target_group_arns
        ]
        members = [member.instance.id for member in group.instance_states]
        for arn in target_group_arns:
            self._targets.deregister(arn, members)

    @replaces(
        _AUTOSCALING + "update_attached_target_groups",
        "A member joins the group's target groups when it is in service.",
        pages.autoscaling("AttachLoadBalancerTargetGroups"),
    )
    def update_targets(self, autoscaling: Any, group_name: str) -> None:
        self._register(autoscaling.autoscaling_groups[group_name])

    @replaces(
        "moto.autoscaling.models:InstanceState.launch_template",
        "A member shows the version that it was launched from; moto shows the group's.",
        pages.autoscaling("Instance"),
    )
    def show_template(self, member: Any) -> Any:
        return getattr(member, "launched_from", None)

    @replaces(
        "moto.autoscaling.responses:AutoScalingResponse.describe_scaling_activities",
        "A group has a history of scaling activities, failures too.",
        pages.autoscaling("DescribeScalingActivities"),
    )
    def describe_activities(self, response: Any) -> Any:
        groups = response.autoscaling_backend.autoscaling_groups
        group = groups.get(response._get_param("AutoScalingGroupName"))
        limit = response._get_int_param("MaxRecords", 100)
        return ActionResult({"Activities": getattr(group, "history", [])[:limit]})

    def _tick(self) -> None:
        for autoscaling in backends("autoscaling"):
            for group in list(autoscaling.autoscaling_groups.values()):
                self._region.guarded(partial(self._tick_group, group))

    def _tick_group(self, group: Any) -> None:
        for member in group.instance_states:
            if member.lifecycle_state in ("Pending", "Pending:Wait"):
                self._bring_into_service(group, member)
        self._judge(group)
        self._meet_desired(group)
        group.instance_states = [
            member
            for member in group.instance_states
            if member.instance.state != "terminated" or member.lifecycle_state != mixing.TERMINATING
        ]

    def _register(self, group: Any) -> None:
        if "AddToLoadBalancer" in group._suspended_processes:
            return
        instances = [
            member.instance
            for member in group.instance_states
            if member.lifecycle_state == "InService"
        ]
        for arn in joined(group):
            self._targets.register(arn, instances)

    def terminate(self, group: Any, member: Any, why: str) -> None:
        """Out of the balancer first; the instance ends when every target group has drained it."""
        if member.lifecycle_state.startswith(mixing.TERMINATING):
            return
        member.lifecycle_state = mixing.TERMINATING
        instance_id = member.instance.id
        cause = f"an instance was taken out of service {why}."
        note(group, f"Terminating EC2 instance: {instance_id}", cause)
        waits = [self._targets.deregister(arn, [instance_id]) for arn in joined(group)]
        if hasattr(member, "hook_deadline"):
            del member.hook_deadline
        self._region.later(max(waits, default=0), partial(self._end, group, member))

    def _end(self, group: Any, member: Any) -> None:
        if lifecycle.waits(group, member, lifecycle.TERMINATING, self._region.delays.scale):
            member.lifecycle_state = f"{mixing.TERMINATING}:Wait"
            self._region.later(TICK, partial(self._end, group, member))
            return
        member.lifecycle_state = mixing.TERMINATING
        group.autoscaling_backend.ec2_backend.terminate_instances([member.instance.id])

    def _bring_into_service(self, group: Any, member: Any) -> None:
        if member.instance.state != "running":
            return
        if lifecycle.waits(group, member, lifecycle.LAUNCHING, self._region.delays.scale):
            member.lifecycle_state = "Pending:Wait"
        elif getattr(member, "abandoned", False):
            self.terminate(group, member, "because its lifecycle hook was abandoned")
        else:
            member.lifecycle_state, member.in_service_since = "InService", time.monotonic()
            # Once: AWS does not bring back a target that somebody deregistered.
            self._register(group)

    def _judge(self, group: Any) -> None:
        if "HealthCheck" in group._suspended_processes:
            return
        for member in group.instance_states:
            if member.lifecycle_state not in STAYING:
                continue
            why = ""
            if member.instance.state not in ("running", "pending"):
                why = _LOST
            elif self._has_failed(group, member):
                why = _FAILED
            if why:
                member.health_status = "Unhealthy"
            # Without Terminate, AWS does not replace either.
            replaced = not {"ReplaceUnhealthy", "Terminate"} & set(group._suspended_processes)
            if member.health_status == "Unhealthy" and replaced:
                self.terminate(group, member, why or "in response to a user health-check")

    def _has_failed(self, group: Any, member: Any) -> bool:
        """Does a balancer find it unhealthy, after its grace?"""
        if group.health_check_type != "ELB" or member.lifecycle_state != "InService":
            return False
        grace = group.health_check_grace_period or 0
        # A process starts no sooner where time is scaled down: some grace stays.
        grace = max(grace * self._region.delays.scale, min(grace, SHORTEST_GRACE))
        return time.monotonic() - member.in_service_since > grace and any(
            self._targets.state(arn, member.instance.id) == "unhealthy" for arn in joined(group)
        )

    def _meet_desired(self, group: Any) -> None:
        staying = [member for member in group.instance_states if member.lifecycle_state in STAYING]
        surplus = sum(map(mixing.weight, staying)) - (group.desired_capacity or 0)
        suspended = group._suspended_processes
        may_launch = "Launch" not in suspended and time.monotonic() >= getattr(group, "retry_at", 0)
        if surplus < 0 and may_launch:
            launch(self._region, group, -surplus)
        elif surplus == 0 and may_launch and mixing.too_many_on_demand(group):
            # What replaces it is launched first; the surplus ends once that is in service.
            launch(self._region, group, 1)
        elif surplus > 0 and "Terminate" not in suspended:
            self._shrink(group, staying, surplus)

    def _shrink(self, group: Any, staying: list[Any], surplus: int) -> None:
        """From the fullest zone first, and never below the desired size: a heavy one may stay."""
        replaced = mixing.too_many_on_demand(group)
        if replaced and any(member.lifecycle_state != "InService" for member in staying):
            return
        while True:
            zones = [member.availability_zone for member in staying]
            candidates = [
                (member in replaced, zones.count(member.availability_zone), -number, member)
                for number, member in enumerate(staying)
                if not member.protected_from_scale_in and mixing.weight(member) <= surplus
            ]
            if not candidates:
                return
            member = max(candidates)[-1]
            staying.remove(member)
            surplus -= mixing.weight(member)
            why = "in response to a difference between desired and actual capacity"
            why += f", shrinking the capacity to {group.desired_capacity}"
            self.terminate(group, member, why)
