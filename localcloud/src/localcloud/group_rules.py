"""What AWS refuses of Auto Scaling groups and moto permits, and the bounds of their sizes."""

from __future__ import annotations

import copy
from typing import Any

from localcloud import pages
from localcloud.launch_configurations import require_launch_configuration
from localcloud.patches import Original, corrects, replaces
from localcloud.upstream import AutoscalingClientError

_AUTOSCALING = "moto.autoscaling.models:AutoScalingBackend."
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
TAGS = 50
_NO_GROUP = "A group that does not exist is a validation error; moto answers an internal error."


class GroupRules:
    @corrects(
        _AUTOSCALING + "create_auto_scaling_group",
        "A group has a free name, and 50 tags at most; its launch configuration and its target"
        " groups exist.",
        pages.autoscaling("CreateAutoScalingGroup"),
    )
    def create(
        self, original: Original, autoscaling: Any, name: str, *more: Any, **named: Any
    ) -> Any:
        if name in autoscaling.autoscaling_groups:
            raise AutoscalingClientError(
                "AlreadyExists", f"AutoScalingGroup by this name already exists - {name}"
            )
        if configuration := named.get("launch_config_name"):
            require_launch_configuration(autoscaling, configuration)
        _require_room([tag["Key"] for tag in named.get("tags") or []])
        _require_target_groups(autoscaling, named.get("target_group_arns") or [])
        return original(autoscaling, name, *more, **named)

    @corrects(
        "moto.autoscaling.responses:AutoScalingResponse.delete_auto_scaling_group",
        "A group with instances is deleted with ForceDelete alone; its policies go with it.",
        pages.autoscaling("DeleteAutoScalingGroup"),
    )
    def delete(self, original: Original, response: Any) -> Any:
        autoscaling = response.autoscaling_backend
        name = response._get_param("AutoScalingGroupName")
        group = autoscaling.autoscaling_groups.get(name)
        forced = response._get_bool_param("ForceDelete", False)
        if group and (group.instance_states or group.warm_pool) and not forced:
            raise AutoscalingClientError(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot"
                " instance request(s) still in the group.",
            )
        answer = original(response)
        for key, policy in list(autoscaling.policies.items()):
            if policy.auto_scaling_group_name == name:
                del autoscaling.policies[key]
        return answer

    @corrects(
        _AUTOSCALING + "set_desired_capacity", _NO_GROUP, pages.autoscaling("SetDesiredCapacity")
    )
    @corrects(_AUTOSCALING + "suspend_processes", _NO_GROUP, pages.autoscaling("SuspendProcesses"))
    @corrects(_AUTOSCALING + "resume_processes", _NO_GROUP, pages.autoscaling("ResumeProcesses"))
    def require_named(
        self, original: Original, autoscaling: Any, group_name: str, *more: Any, **named: Any
    ) -> Any:
        require_group(autoscaling, group_name)
        return original(autoscaling, group_name, *more, **named)

    @corrects(
        _AUTOSCALING + "create_or_update_tags",
        _NO_GROUP + " A group has 50 tags at most.",
        pages.autoscaling("CreateOrUpdateTags"),
    )
    def tag(self, original: Original, autoscaling: Any, tags: list[dict[str, str]]) -> Any:
        for name in dict.fromkeys(tag["ResourceId"] for tag in tags):
            there = [tag["Key"] for tag in require_group(autoscaling, name).tags]
            _require_room([*there, *(tag["Key"] for tag in tags if tag["ResourceId"] == name)])
        return original(autoscaling, tags)

    @corrects(
        _AUTOSCALING + "update_auto_scaling_group",
        "New bounds move the desired size, and contradicting ones are refused; of a mixed instances"
        " policy only what is given changes.",
        pages.autoscaling("UpdateAutoScalingGroup"),
    )
    def update(
        self, original: Original, autoscaling: Any, name: str, *more: Any, **named: Any
    ) -> Any:
        group = autoscaling.autoscaling_groups.get(name)
        if group:
            _bound(group, named)
            _merge_policy(group, named)
        return original(autoscaling, name, *more, **named)

    @corrects(
        _AUTOSCALING + "attach_load_balancer_target_groups",
        "A group and target groups that do not exist are refused.",
        pages.autoscaling("AttachLoadBalancerTargetGroups"),
    )
    def attach(
        self, original: Original, autoscaling: Any, group_name: str, target_group_arns: list[str]
    ) -> Any:
        require_group(autoscaling, group_name)
        _require_target_groups(autoscaling, target_group_arns)
        return original(autoscaling, group_name, target_group_arns)

    @replaces(
        "moto.autoscaling.models:FakeAutoScalingGroup.set_desired_capacity",
        "A desired size within the bounds is set at once, and one outside of them is refused;"
        " instances follow in time (groups.py).",
        pages.autoscaling("SetDesiredCapacity"),
    )
    def set_desired_capacity(self, group: Any, new_capacity: int | None) -> None:
        wanted = group.min_size if new_capacity is None else new_capacity
        low, high = group.min_size or 0, group.max_size or 0
        if not low <= (wanted or 0) <= high:
            edge = f"above max value {high}" if wanted > high else f"below min value {low}"
            raise AutoscalingClientError(
                "ValidationError",
                f"New SetDesiredCapacity value {wanted} is {edge} for the AutoScalingGroup.",
            )
        group.desired_capacity = wanted


def require_group(autoscaling: Any, name: str) -> Any:
    """The group. Raises AutoscalingClientError when there is none."""
    group = autoscaling.autoscaling_groups.get(name)
    if group is None:
        raise AutoscalingClientError("ValidationError", f"AutoScalingGroup name not found - {name}")
    return group


def _require_room(keys: list[str]) -> None:
    """AWS's own tags do not count."""
    if len({key for key in keys if not key.lower().startswith("aws:")}) > TAGS:
        raise AutoscalingClientError("LimitExceeded", f"A group has {TAGS} tags at most.")


def _require_target_groups(autoscaling: Any, arns: list[str]) -> None:
    for arn in arns:
        if arn not in autoscaling.elbv2_backend.target_groups:
            raise AutoscalingClientError(
                "ValidationError",
                "Provided Target Groups may not be valid. Please ensure they exist and try again:"
                f" {arn}",
            )


def _bound(group: Any, update: dict[str, Any]) -> None:
    """AWS moves the desired size into new bounds; moto compares them with the instances."""
    low = group.min_size if update.get("min_size") is None else update["min_size"]
    high = group.max_size if update.get("max_size") is None else update["max_size"]
    if low > high:
        raise AutoscalingClientError(
            "ValidationError",
            f"Max bound, {high}, must be greater than or equal to min bound, {low}",
        )
    if update.get("desired_capacity") is None:
        update["desired_capacity"] = min(max(group.desired_capacity, low), high)


def _merge_policy(group: Any, update: dict[str, Any]) -> None:
    given = update.get("mixed_instances_policy") or {}
    policy = copy.deepcopy((group.mixed_instances_policy or {}) | given)
    if policy:
        # moto shows the template by name and by id, and takes only one of the two.
        policy["LaunchTemplate"]["LaunchTemplateSpecification"].pop("LaunchTemplateId", None)
    update["mixed_instances_policy"] = policy or None
