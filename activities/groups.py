"""Auto Scaling groups: made, sized, marked and removed."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities import group_tags
from activities.aws import Aws, code, nothing_there, sentence, translated
from activities.emptying import require_empty, require_out_of_traffic
from activities.fleets import end_warm_pool
from activities.group_facts import deployment, described, facts, known_group, of_stack
from activities.group_parameters import creation, scaling_policy
from activities.group_requests import (
    EmptyGroup,
    EnsureGroup,
    GroupRef,
    GroupsRef,
    MarkGroups,
    OfStack,
    Pin,
    PutPolicies,
    RemoveGroup,
    Resize,
    Unpin,
)
from domain import lifecycle, names
from domain.errors import Conflict, NotReady
from domain.models import Deployment, Group

REBALANCE = "AZRebalance"


class Groups:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_deployments(self, request: OfStack) -> list[Deployment]:
        """All deployments of the stack, by tag, without groups that AWS is deleting."""
        groups = of_stack(self._aws, request.region, request.stack)
        return [deployment(facts(group)) for group in groups]

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_group(self, request: GroupRef) -> Group | None:
        return known_group(self._aws, request.region, request.name)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def ensure_group(self, request: EnsureGroup) -> None:
        """Raises Conflict where a group of another release has the name."""
        autoscaling = self._aws.autoscaling(request.region)
        tags, more_tags = group_tags.of_new_group(request)
        try:
            autoscaling.create_auto_scaling_group(**creation(request), Tags=tags)
        except ClientError as error:
            if code(error) != "AlreadyExists":
                raise
            known = known_group(self._aws, request.region, request.name)
            if known is None:
                raise NotReady(
                    f"AWS says that the group {request.name} exists, and does not show it yet"
                ) from None
            if known.tags.get(names.RELEASE) != request.tags[names.RELEASE]:
                raise Conflict(
                    f"the Auto Scaling group {request.name} exists and another release made it"
                ) from None
        group_tags.put_rest(self._aws, request.region, more_tags)
        if request.suspend_az_rebalance:
            autoscaling.suspend_processes(
                AutoScalingGroupName=request.name, ScalingProcesses=[REBALANCE]
            )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def put_policies(self, request: PutPolicies) -> None:
        """Target tracking policies. A policy of the same name is replaced."""
        for policy in request.policies:
            try:
                self._aws.autoscaling(request.region).put_scaling_policy(
                    **scaling_policy(request.group, policy, request.label)
                )
            except ClientError as error:
                if "not found" in sentence(error):
                    nothing_there(f"the group {request.group}", request.visible_by)
                raise

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def resize(self, request: Resize) -> None:
        """All sizes in one call: AWS adjusts the desired size to a bound that is set alone."""
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
        """In their order, in as few calls as AWS takes so many tags in."""
        group_tags.put(self._aws, request.region, request.tags)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def pin_minimum(self, request: Pin) -> None:
        """Stops scale-in, not scale-out. Suspends AZRebalance where asked for."""
        autoscaling = self._aws.autoscaling(request.region)
        tags = dict(request.marks)
        tags |= {names.RESTORE_MIN: str(request.original)} if request.minimum is not None else {}
        tags |= {names.RESTORE_REBALANCE: "true"} if request.suspend_az_rebalance else {}
        group_tags.put(self._aws, request.region, {request.group: tags})
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
        # The group has these tags from its creation: empty is their original value.
        tags = {names.RESTORE_MIN: ""} if request.original is not None else {}
        tags |= {names.RESTORE_REBALANCE: ""} if request.resume_az_rebalance else {}
        group_tags.put(self._aws, request.region, {request.group: tags})

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def resume_az_rebalance(self, request: GroupsRef) -> None:
        """One call a group. Does nothing where AZRebalance is not suspended."""
        for name in request.names:
            self._aws.autoscaling(request.region).resume_processes(
                AutoScalingGroupName=name, ScalingProcesses=[REBALANCE]
            )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def remove_group(self, request: RemoveGroup) -> None:
        """
        Takes it out of the traffic, then ends its instances, and deletes it once it is empty.

        Never by ForceDelete. Does nothing where it does not exist. Raises NotReady until it is
        deleted, Conflict where another release made the group.
        """
        autoscaling = self._aws.autoscaling(request.region)
        group = described(self._aws, request.region, request.name)
        if group is None:
            return nothing_there(f"the group {request.name}", request.visible_by)
        if facts(group).tags.get(names.RELEASE) != request.release:
            raise Conflict(f"the Auto Scaling group {request.name} is of another release and stays")
        require_out_of_traffic(self._aws, request.region, group, request.target_groups)
        zero = {"MinSize": 0, "DesiredCapacity": 0}
        require_empty(self._aws, request.region, group, zero)
        if facts(group).warm_pool:
            end_warm_pool(self._aws, request.region, request.name)
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
    def empty_group(self, request: EmptyGroup) -> None:
        """
        Takes it out of the traffic, then ends its instances.

        Does nothing where it does not exist. Raises NotReady until it is empty, but for what waits
        for a lifecycle hook and for what AWS retains: that serves no more.
        """
        group = described(self._aws, request.region, request.name)
        if group is None:
            return
        require_out_of_traffic(self._aws, request.region, group, request.target_groups)
        zero = {"MinSize": 0, "MaxSize": 0, "DesiredCapacity": 0}
        require_empty(self._aws, request.region, group, zero, lifecycle.lingers)
        if request.suspend_terminate and lifecycle.TERMINATE not in facts(group).suspended:
            self._aws.autoscaling(request.region).suspend_processes(
                AutoScalingGroupName=request.name, ScalingProcesses=[lifecycle.TERMINATE]
            )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def delete_empty_group(self, request: GroupRef) -> None:
        """
        Does nothing where it does not exist.

        Raises Conflict where it has instances: somebody resized it, and prune ends no instances.
        """
        try:
            self._aws.autoscaling(request.region).delete_auto_scaling_group(
                AutoScalingGroupName=request.name
            )
        except ClientError as error:
            if code(error).startswith("ResourceInUse"):
                raise Conflict(
                    f"the Auto Scaling group {request.name} has instances again, and stays: "
                    f"{sentence(error)}"
                ) from None
            if "not found" not in sentence(error):
                raise
