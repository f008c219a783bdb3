"""What a person does to single members of a group: protection, Standby, termination."""

from __future__ import annotations

from functools import partial
from typing import Any

from localcloud import pages
from localcloud.classic import joined
from localcloud.group_rules import require_group
from localcloud.groups import Groups
from localcloud.patches import Original, corrects, replaces
from localcloud.region import Region
from localcloud.targets import Targets
from localcloud.upstream import (
    AutoscalingClientError,
    EnterStandbyActivity,
    ExitStandbyActivity,
    TerminateInstanceActivity,
)

_AUTOSCALING = "moto.autoscaling.models:AutoScalingBackend."
ENTERING, STANDBY = "EnteringStandby", "Standby"


class Members:
    def __init__(self, region: Region, targets: Targets, groups: Groups) -> None:
        self._region = region
        self._targets = targets
        self._groups = groups

    @corrects(
        _AUTOSCALING + "set_instance_protection",
        "One instance that is neither in service nor on Standby makes AWS refuse the whole call.",
        pages.autoscaling("SetInstanceProtection"),
    )
    def protect(
        self,
        original: Original,
        autoscaling: Any,
        group_name: str,
        instance_ids: list[str],
        protected_from_scale_in: bool | None,
    ) -> None:
        for member in _members(autoscaling, group_name, instance_ids):
            if member.lifecycle_state not in ("InService", ENTERING, STANDBY):
                raise AutoscalingClientError(
                    "ValidationError",
                    f"The instance {member.instance.id} is not in InService or EnteringStandby or"
                    " Standby.",
                )
        original(autoscaling, group_name, instance_ids, protected_from_scale_in)

    @replaces(
        _AUTOSCALING + "enter_standby_instances",
        "An instance drains before it is on Standby; the group does not count it any more.",
        pages.autoscaling("EnterStandby"),
    )
    def enter_standby(
        self, autoscaling: Any, group_name: str, instance_ids: list[str], should_decrement: bool
    ) -> list[Any]:
        group = require_group(autoscaling, group_name)
        found = _members(autoscaling, group_name, instance_ids)
        _require(found, "InService")
        before = group.desired_capacity
        if should_decrement:
            group.set_desired_capacity(before - len(found))
        for member in found:
            member.lifecycle_state = ENTERING
            waits = [self._targets.deregister(arn, [member.instance.id]) for arn in joined(group)]
            self._region.later(max(waits, default=0), partial(_stand_by, member))
        return [EnterStandbyActivity(member.instance, before) for member in found]

    @corrects(
        _AUTOSCALING + "detach_instances",
        "An instance that is detached from its group leaves the group's load balancers.",
        pages.autoscaling("DetachInstances"),
    )
    def detach(
        self,
        original: Original,
        autoscaling: Any,
        group_name: str,
        instance_ids: list[str],
        should_decrement: bool,
    ) -> Any:
        for arn in joined(require_group(autoscaling, group_name)):
            self._targets.deregister(arn, instance_ids)
        return original(autoscaling, group_name, instance_ids, should_decrement)

    @replaces(
        _AUTOSCALING + "exit_standby_instances",
        "An instance that leaves Standby is pending first, and joins the balancer again.",
        pages.autoscaling("ExitStandby"),
    )
    def exit_standby(self, autoscaling: Any, group_name: str, instance_ids: list[str]) -> list[Any]:
        group = require_group(autoscaling, group_name)
        found = _members(autoscaling, group_name, instance_ids)
        _require(found, STANDBY)
        before = group.desired_capacity
        group.set_desired_capacity(before + len(found))
        for member in found:
            member.lifecycle_state = "Pending"
        return [ExitStandbyActivity(member.instance, before) for member in found]

    @replaces(
        _AUTOSCALING + "terminate_instance",
        "A member is drained and terminated in time, protected or on Standby or not; another one"
        " takes its place where the desired size wants it.",
        pages.autoscaling("TerminateInstanceInAutoScalingGroup"),
    )
    def terminate(self, autoscaling: Any, instance_id: str, should_decrement: bool) -> Any:
        for group in autoscaling.autoscaling_groups.values():
            for member in group.instance_states:
                if member.instance.id == instance_id:
                    before = group.desired_capacity
                    if should_decrement:
                        group.set_desired_capacity(before - 1)
                    self._groups.terminate(group, member, "in response to a user request")
                    return TerminateInstanceActivity(member.instance, before)
        raise AutoscalingClientError(
            "ValidationError",
            f"Instance Id not found - No managed instance found for instance ID: {instance_id}",
        )


def _members(autoscaling: Any, group_name: str, ids: list[str]) -> list[Any]:
    group = require_group(autoscaling, group_name)
    found = {member.instance.id: member for member in group.instance_states}
    if missing := [one for one in ids if one not in found]:
        raise AutoscalingClientError(
            "ValidationError",
            f"The instance {missing[0]} is not part of Auto Scaling group {group_name}.",
        )
    return [found[one] for one in ids]


def _require(members: list[Any], state: str) -> None:
    for member in members:
        if member.lifecycle_state != state:
            raise AutoscalingClientError(
                "ValidationError", f"The instance {member.instance.id} is not in {state}."
            )


def _stand_by(member: Any) -> None:
    if member.lifecycle_state == ENTERING:
        member.lifecycle_state = STANDBY
