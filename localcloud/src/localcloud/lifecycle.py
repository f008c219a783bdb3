"""Lifecycle hooks that are waited for, and scheduled actions that come to pass."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import AutoScalingBackend, autoscaling_backends
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import EmptyResult

from localcloud.region import Region, backends, correct

LAUNCHING, TERMINATING = (
    "autoscaling:EC2_INSTANCE_LAUNCHING",
    "autoscaling:EC2_INSTANCE_TERMINATING",
)


def install(region: Region) -> None:
    @correct(AutoScalingResponse, "create_auto_scaling_group")
    def create(original: Any, self: Any) -> Any:
        """Moto drops the hooks that come with the group."""
        result = original(self)
        for hook in self._get_param("LifecycleHookSpecificationList", []):
            self.autoscaling_backend.create_lifecycle_hook(
                name=hook["LifecycleHookName"],
                as_name=self._get_param("AutoScalingGroupName"),
                transition=hook["LifecycleTransition"],
                timeout=int(hook.get("HeartbeatTimeout", 3_600)),
                result=hook.get("DefaultResult", "ABANDON"),
            )
        return result

    def complete_lifecycle_action(self: Any) -> Any:
        group = self.autoscaling_backend.autoscaling_groups.get(
            self._get_param("AutoScalingGroupName")
        )
        member = (
            next(
                (
                    m
                    for m in group.instance_states
                    if m.instance.id == self._get_param("InstanceId")
                ),
                None,
            )
            if group
            else None
        )
        if member is None or not member.lifecycle_state.endswith(":Wait"):
            raise AutoscalingClientError(
                "ValidationError",
                "No active Lifecycle Action found with instance ID "
                + str(self._get_param("InstanceId")),
            )
        member.hook_result = self._get_param("LifecycleActionResult")
        return EmptyResult()

    AutoScalingResponse.complete_lifecycle_action = complete_lifecycle_action
    _scheduled_actions_by_group()
    region.every_tick(_fire)


def waits(group: Any, member: Any, transition: str, scale: float) -> bool:
    """Is there a hook that the instance still waits for? Its outcome is then `abandoned`."""
    hooks = [
        h
        for h in group.autoscaling_backend.describe_lifecycle_hooks(group.name)
        if h.lifecycle_transition == transition
    ]
    if not hooks:
        return False
    if not hasattr(member, "hook_deadline"):
        member.hook_deadline = (
            time.monotonic() + min(float(h.heartbeat_timeout) for h in hooks) * scale
        )
        member.hook_result = None
    if member.hook_result is None and time.monotonic() < member.hook_deadline:
        return True
    member.abandoned = (member.hook_result or hooks[0].default_result) == "ABANDON"
    return False


def _scheduled_actions_by_group() -> None:
    """They are named within their group: moto keeps them by name alone, so that one group steals another's."""

    @correct(AutoScalingBackend, "put_scheduled_update_group_action")
    def put(original: Any, self: Any, **kwargs: Any) -> Any:
        name, group = kwargs["scheduled_action_name"], kwargs["name"]
        if group not in self.autoscaling_groups:
            raise AutoscalingClientError(
                "ValidationError", f"AutoScalingGroup name not found - {group}"
            )
        action = original(self, **kwargs)
        self.scheduled_actions[f"{group}/{name}"] = self.scheduled_actions.pop(name)
        return action

    @correct(AutoScalingBackend, "delete_scheduled_action")
    def delete(
        original: Any, self: Any, auto_scaling_group_name: str, scheduled_action_name: str
    ) -> None:
        if (
            self.scheduled_actions.pop(f"{auto_scaling_group_name}/{scheduled_action_name}", None)
            is None
        ):
            raise AutoscalingClientError("ValidationError", "Scheduled action name not found")


def _fire() -> None:
    """Those with a start and no recurrence; a recurring one is stored, and never comes to pass."""
    now = datetime.now(UTC)
    for autoscaling in backends(autoscaling_backends):
        for key, action in list(autoscaling.scheduled_actions.items()):
            start = action.start_time
            start = datetime.fromisoformat(start) if isinstance(start, str) else start
            group = autoscaling.autoscaling_groups.get(action.auto_scaling_group_name)
            if action.recurrence or not start or start.replace(tzinfo=start.tzinfo or UTC) > now:
                continue
            del autoscaling.scheduled_actions[key]
            if group:
                group.min_size = action.min_size if action.min_size is not None else group.min_size
                group.max_size = action.max_size if action.max_size is not None else group.max_size
                wanted = (
                    action.desired_capacity
                    if action.desired_capacity is not None
                    else group.desired_capacity
                )
                group.desired_capacity = min(max(wanted, group.min_size), group.max_size)
