"""Eventual consistency on demand: the fault `stale` hides what was just created."""

from __future__ import annotations

import copy
import time
from typing import Any

from localcloud import pages
from localcloud.patches import Original, corrects
from localcloud.region import Region
from localcloud.upstream import EC2ClientError

_EC2 = "moto.ec2.models:EC2Backend."
_AUTOSCALING = "moto.autoscaling.models:AutoScalingBackend."
_REMEMBERED = "The time of creation is kept, so that the fault `stale` can hide what is young."
_HIDDEN = "What the fault `stale` hides is missing, as it is from AWS for some seconds."
_PAGE = "https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html"


class Consistency:
    def __init__(self, region: Region) -> None:
        self._region = region
        self._created: dict[str, float] = {}

    @corrects(_EC2 + "run_instances", _REMEMBERED, _PAGE)
    def remember_instances(
        self, original: Original, ec2: Any, *arguments: Any, **named: Any
    ) -> Any:
        reservation = original(ec2, *arguments, **named)
        for instance in reservation.instances:
            self._created.setdefault(instance.id, time.monotonic())
        return reservation

    @corrects(_EC2 + "create_image", _REMEMBERED, _PAGE)
    @corrects(_EC2 + "create_security_group", _REMEMBERED, _PAGE)
    def remember_by_id(self, original: Original, ec2: Any, *arguments: Any, **named: Any) -> Any:
        made = original(ec2, *arguments, **named)
        self._created.setdefault(made.id, time.monotonic())
        return made

    @corrects(_EC2 + "create_launch_template", _REMEMBERED, _PAGE)
    @corrects(_AUTOSCALING + "create_auto_scaling_group", _REMEMBERED, _PAGE)
    def remember_by_name(
        self, original: Original, owner: Any, *arguments: Any, **named: Any
    ) -> Any:
        made = original(owner, *arguments, **named)
        self._created.setdefault(made.name, time.monotonic())
        return made

    @corrects(_EC2 + "describe_instances", _HIDDEN, _PAGE)
    def describe_instances(
        self, original: Original, ec2: Any, *arguments: Any, **named: Any
    ) -> Any:
        shown = []
        for reservation in original(ec2, *arguments, **named):
            visible = copy.copy(reservation)
            visible.instances = [
                instance
                for instance in reservation.instances
                if not self._hides("DescribeInstances", instance.id)
            ]
            shown += [visible] if visible.instances else []
        return shown

    @corrects(_EC2 + "get_reservations_by_instance_ids", _HIDDEN, _PAGE)
    def find_instances(
        self, original: Original, ec2: Any, instance_ids: list[str], *more: Any, **named: Any
    ) -> Any:
        for instance_id in instance_ids:
            if self._hides("DescribeInstances", instance_id):
                raise EC2ClientError(
                    "InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist"
                )
        return original(ec2, instance_ids, *more, **named)

    @corrects(_EC2 + "describe_images", _HIDDEN, _PAGE)
    def describe_images(
        self, original: Original, ec2: Any, ami_ids: Any = (), *more: Any, **named: Any
    ) -> Any:
        for image_id in ami_ids:
            if self._hides("DescribeImages", image_id):
                raise EC2ClientError(
                    "InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist"
                )
        images = original(ec2, ami_ids, *more, **named)
        return [image for image in images if not self._hides("DescribeImages", image.id)]

    @corrects(_EC2 + "describe_security_groups", _HIDDEN, _PAGE)
    def describe_security_groups(
        self, original: Original, ec2: Any, *arguments: Any, **named: Any
    ) -> Any:
        groups = original(ec2, *arguments, **named)
        return [group for group in groups if not self._hides("DescribeSecurityGroups", group.id)]

    @corrects(_EC2 + "describe_launch_templates", _HIDDEN, _PAGE)
    def describe_launch_templates(
        self, original: Original, ec2: Any, *arguments: Any, **named: Any
    ) -> Any:
        templates = original(ec2, *arguments, **named)
        return [one for one in templates if not self._hides("DescribeLaunchTemplates", one.name)]

    @corrects(
        _AUTOSCALING + "describe_auto_scaling_groups",
        _HIDDEN,
        pages.autoscaling("DescribeAutoScalingGroups"),
    )
    def describe_groups(
        self, original: Original, autoscaling: Any, *arguments: Any, **named: Any
    ) -> Any:
        groups = original(autoscaling, *arguments, **named)
        return [one for one in groups if not self._hides("DescribeAutoScalingGroups", one.name)]

    @corrects(_EC2 + "delete_launch_template", _HIDDEN, _PAGE)
    def delete_launch_template(
        self, original: Original, ec2: Any, name: str, tid: str | None
    ) -> Any:
        if name and self._hides("DeleteLaunchTemplate", name):
            raise EC2ClientError(
                "InvalidLaunchTemplateName.NotFoundException",
                f"The launch template {name} does not exist.",
            )
        return original(ec2, name, tid)

    def _hides(self, action: str, name: str) -> bool:
        """The fault hides what is younger than its `seconds` from the calls of its `action`."""
        age = time.monotonic() - self._created.get(name, 0)
        fault = self._region.faults.peek(("stale",), action, name=name)
        return fault is not None and age < fault.seconds
