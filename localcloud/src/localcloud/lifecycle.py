"""Lifecycle hooks that a member waits for, and scheduled actions that are carried out."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from localcloud import pages
from localcloud.group_rules import require_group
from localcloud.patches import Original, adds, corrects, replaces
from localcloud.region import Region
from localcloud.upstream import AutoscalingClientError, EmptyResult, backends

_AUTOSCALING = "moto.autoscaling.models:AutoScalingBackend."
_RESPONSE = "moto.autoscaling.responses:AutoScalingResponse."
LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


class Lifecycle:
    def __init__(self, region: Region) -> None:
        region.every_tick(_carry_out)

    @corrects(
        _RESPONSE + "create_auto_scaling_group",
        "A group is created with its lifecycle hooks; moto drops them.",
        pages.autoscaling("CreateAutoScalingGroup"),
    )
    def create_hooks(self, original: Original, response: Any) -> Any:
        answer = original(response)
        for hook in response._get_param("LifecycleHookSpecificationList", []):
            response.autoscaling_backend.create_lifecycle_hook(
                name=hook["LifecycleHookName"],
                as_name=response._get_param("AutoScalingGroupName"),
                transition=hook["LifecycleTransition"],
                timeout=int(hook.get("HeartbeatTimeout", 3_600)),
                result=hook.get("DefaultResult", "ABANDON"),
            )
        return answer

    @adds(
        _RESPONSE + "complete_lifecycle_action",
        "A member that waits for a hook goes on, or is abandoned.",
        pages.autoscaling("CompleteLifecycleAction"),
    )
    def complete(self, response: Any) -> Any:
        groups = response.autoscaling_backend.autoscaling_groups
        group = groups.get(response._get_param("AutoScalingGroupName"))
        instance_id = response._get_param("InstanceId")
        for member in group.instance_states if group else ():
            if member.instance.id == instance_id and member.lifecycle_state.endswith(":Wait"):
                member.hook_result = response._get_param("LifecycleActionResult")
                return EmptyResult()
        raise AutoscalingClientError(
            "ValidationError",
            f"No active Lifecycle Action found with instance ID {instance_id}",
        )

    @corrects(
        _AUTOSCALING + "put_scheduled_update_group_action",
        "A scheduled action is named within its group; moto keeps it by name alone.",
        pages.autoscaling("PutScheduledUpdateGroupAction"),
    )
    def schedule(self, original: Original, autoscaling: Any, **call: Any) -> Any:
        name, group = call["scheduled_action_name"], call["name"]
        require_group(autoscaling, group)
        action = original(autoscaling, **call)
        actions = autoscaling.scheduled_actions
        actions[f"{group}/{name}"] = actions.pop(name)
        return action

    @replaces(
        _AUTOSCALING + "delete_scheduled_action",
        "A scheduled action is deleted within its group.",
        pages.autoscaling("DeleteScheduledAction"),
    )
    def unschedule(
        self, autoscaling: Any, auto_scaling_group_name: str, scheduled_action_name: str
    ) -> None:
        key = f"{auto_scaling_group_name}/{scheduled_action_name}"
        if autoscaling.scheduled_actions.pop(key, None) is None:
            raise AutoscalingClientError("ValidationError", "Scheduled action name not found")


def waits(group: Any, member: Any, transition: str, scale: float) -> bool:
    """Is there a hook that the instance still waits for? Afterwards, `abandoned` is its outcome."""
    hooks = [
        hook
        for hook in group.autoscaling_backend.describe_lifecycle_hooks(group.name)
        if hook.lifecycle_transition == transition
    ]
    if not hooks:
        return False
    if not hasattr(member, "hook_deadline"):
        timeout = min(float(hook.heartbeat_timeout) for hook in hooks) * scale
        member.hook_deadline = time.monotonic() + timeout
        member.hook_result = None
    if member.hook_result is None and time.monotonic() < member.hook_deadline:
        return True
    member.abandoned = (member.hook_result or hooks[0].default_result) == "ABANDON"
    return False


def _carry_out() -> None:
    """Actions with a start and no recurrence; a recurring one is stored, and never carried out."""
    now = datetime.now(UTC)
    for autoscaling in backends("autoscaling"):
        for key, action in list(autoscaling.scheduled_actions.items()):
            if action.recurrence or not _is_due(action.start_time, now):
                continue
            del autoscaling.scheduled_actions[key]
            group = autoscaling.autoscaling_groups.get(action.auto_scaling_group_name)
            if group:
                _resize(group, action)


def _is_due(start: Any, now: datetime) -> bool:
    start = datetime.fromisoformat(start) if isinstance(start, str) else start
    return bool(start) and start.replace(tzinfo=start.tzinfo or UTC) <= now


def _resize(group: Any, action: Any) -> None:
    for size in ("min_size", "max_size", "desired_capacity"):
        if getattr(action, size) is not None:
            setattr(group, size, getattr(action, size))
    group.desired_capacity = min(max(group.desired_capacity, group.min_size), group.max_size)
