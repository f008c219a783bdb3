"""Membership in target groups and classic balancers, and polls of groups and their targets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, nothing_there, sentence, translated
from activities.classic import Classic, attach, detach
from activities.group_facts import facts
from domain.errors import InvalidRequest
from domain.models import Group, Model, Observation, TargetGroup, TargetState
from domain.names import classic, split

FAILURES_SHOWN = 20


class FindTargetGroups(Model):
    """By name or ARN, as the stack names them; classic balancers by their key."""

    region: str
    names: tuple[str, ...]


class Membership(Model):
    """From `visible_by` on, a group that AWS does not show does not exist."""

    region: str
    group: str
    target_groups: tuple[str, ...]
    visible_by: datetime | None = None


class Observe(Model):
    """
    `explain` names the group whose failed launches are wanted while it lacks instances.

    With `launching`, targets are read only once that group is complete.
    """

    region: str
    groups: tuple[str, ...]
    target_groups: tuple[str, ...] = ()
    explain: str | None = None
    launching: bool = False


class Balancers:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._classic = Classic(aws)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_target_groups(self, request: FindTargetGroups) -> list[TargetGroup]:
        """
        In the order asked for: scaling policies on requests use the first.

        Raises InvalidRequest, which names the ones that do not exist or have no listener.
        """
        others, classics = split(request.names)
        arns = [name for name in others if name.startswith("arn:")]
        plain = [name for name in others if name not in arns]
        found = [
            *self._described(request.region, "TargetGroupArns", arns),
            *self._described(request.region, "Names", plain),
        ]
        if idle := [
            group["TargetGroupName"] for group in found if not group.get("LoadBalancerArns")
        ]:
            raise InvalidRequest(
                f"no listener uses {', '.join(idle)}: health checks would never run; "
                "add it to a listener first"
            )
        groups = {
            key: TargetGroup(
                arn=group["TargetGroupArn"],
                name=group["TargetGroupName"],
                load_balancers=tuple(group.get("LoadBalancerArns", [])),
                protocol=group.get("Protocol", "HTTP"),
            )
            for group in found
            for key in (group["TargetGroupArn"], group["TargetGroupName"])
        }
        if classics:
            groups |= {
                balancer.arn: balancer for balancer in self._classic.find(request.region, classics)
            }
        return [groups[name] for name in request.names]

    def _described(self, region: str, key: str, wanted: list[str]) -> list[Any]:
        """As AWS describes them. `key` is the name of DescribeTargetGroups' parameter."""
        if not wanted:
            return []
        parameters: Any = {key: wanted}
        try:
            return self._aws.elbv2(region).describe_target_groups(**parameters)["TargetGroups"]
        except ClientError as error:
            if code(error) not in ("TargetGroupNotFound", "ValidationError"):
                raise
            raise InvalidRequest(
                f"not all target groups of the stack exist in {region}: "
                f"{', '.join(wanted)} ({sentence(error)})"
            ) from None

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def attach(self, request: Membership) -> None:
        """Does nothing where the group is attached already."""
        try:
            attach(self._aws, request.region, request.group, request.target_groups)
        except ClientError as error:
            if "not found" in sentence(error):
                nothing_there(f"the group {request.group}", request.visible_by)
            raise

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def detach(self, request: Membership) -> None:
        """Starts the draining. Does nothing where the group is detached already."""
        try:
            detach(self._aws, request.region, request.group, request.target_groups)
        except ClientError as error:
            if "not part of the group" not in sentence(error).lower():
                raise

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def observe(self, request: Observe) -> Observation:
        """One call for all groups and one for each target group, for any number of instances."""
        described = self._aws.autoscaling(request.region).describe_auto_scaling_groups(
            AutoScalingGroupNames=list(request.groups)
        )["AutoScalingGroups"]
        groups = {
            group["AutoScalingGroupName"]: facts(group)
            for group in described
            if not group.get("Status")
        }
        explained = groups.get(request.explain or "")
        incomplete = explained is not None and not _is_complete(explained)
        targets: dict[str, dict[str, TargetState]] = {}
        if not (request.launching and incomplete):
            targets = self._targets(request, groups.values())
        if explained and explained.units < explained.desired:
            groups[explained.name] = explained.model_copy(
                update={"failures": self._failures(request.region, explained.name)}
            )
        return Observation(
            groups={name: _with_targets(group, targets) for name, group in groups.items()},
            targets=targets,
        )

    def _targets(
        self, request: Observe, groups: Iterable[Group]
    ) -> dict[str, dict[str, TargetState]]:
        """By target group's ARN or classic balancer's key, then by instance id."""
        arns, balancers = split(request.target_groups)
        members = sorted({instance.id for group in groups for instance in group.instances})
        targets = {
            classic(name): self._classic.health(request.region, name, members) for name in balancers
        }
        elb = self._aws.elbv2(request.region)
        for arn in arns:
            health = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            targets[arn] = {
                item["Target"]["Id"]: TargetState(
                    state=item["TargetHealth"].get("State", ""),
                    reason=item["TargetHealth"].get("Reason", ""),
                    description=item["TargetHealth"].get("Description", ""),
                )
                for item in health
            }
        return targets

    def _failures(self, region: str, group: str) -> tuple[str, ...]:
        activities = self._aws.autoscaling(region).describe_scaling_activities(
            AutoScalingGroupName=group, MaxRecords=FAILURES_SHOWN
        )["Activities"]
        return tuple(
            activity.get("StatusMessage") or activity.get("Description", "")
            for activity in activities
            if activity["StatusCode"] == "Failed"
        )


def _is_complete(group: Group) -> bool:
    return group.units >= group.desired and all(
        instance.lifecycle == "InService" for instance in group.instances
    )


def _with_targets(group: Group, targets: dict[str, dict[str, TargetState]]) -> Group:
    return group.model_copy(
        update={
            "instances": tuple(
                instance.model_copy(
                    update={
                        "targets": {
                            arn: states[instance.id]
                            for arn, states in targets.items()
                            if instance.id in states
                        }
                    }
                )
                for instance in group.instances
            )
        }
    )
