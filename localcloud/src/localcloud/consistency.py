"""Eventual consistency on demand: for some seconds a list misses what was just made, and its id is not found."""

from __future__ import annotations

import copy
import time
from typing import Any

from moto.autoscaling.models import AutoScalingBackend
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend

from localcloud.region import Region, correct


def install(region: Region) -> None:
    born: dict[str, float] = {}

    def hidden(action: str, name: str) -> bool:
        """The fault `stale` hides what is younger than its `seconds` from the calls that fit its `action`."""
        age = time.monotonic() - born.get(name, 0)
        fault = region.faults.peek(("stale",), action, name=name)
        return fault is not None and age < fault.seconds

    def remember(owner: Any, creator: str, ids: Any) -> None:
        @correct(owner, creator)
        def create(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
            made = original(self, *args, **kwargs)
            for name in ids(made):
                born.setdefault(name, time.monotonic())
            return made

    remember(EC2Backend, "run_instances", lambda made: [instance.id for instance in made.instances])
    remember(EC2Backend, "create_image", lambda made: [made.id])
    remember(EC2Backend, "create_security_group", lambda made: [made.id])
    remember(EC2Backend, "create_launch_template", lambda made: [made.name])
    remember(AutoScalingBackend, "create_auto_scaling_group", lambda made: [made.name])

    @correct(EC2Backend, "describe_instances")
    def describe_instances(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        shown = []
        for reservation in original(self, *args, **kwargs):
            visible = copy.copy(reservation)
            visible.instances = [
                i for i in reservation.instances if not hidden("DescribeInstances", i.id)
            ]
            shown += [visible] if visible.instances else []
        return shown

    @correct(EC2Backend, "get_reservations_by_instance_ids")
    def by_ids(original: Any, self: Any, ids: list[str], *args: Any, **kwargs: Any) -> Any:
        for name in ids:
            if hidden("DescribeInstances", name):
                raise EC2ClientError(
                    "InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist"
                )
        return original(self, ids, *args, **kwargs)

    @correct(EC2Backend, "describe_images")
    def describe_images(
        original: Any, self: Any, ami_ids: Any = (), *args: Any, **kwargs: Any
    ) -> Any:
        for name in ami_ids:
            if hidden("DescribeImages", name):
                raise EC2ClientError(
                    "InvalidAMIID.NotFound", f"The image id '[{name}]' does not exist"
                )
        return [
            image
            for image in original(self, ami_ids, *args, **kwargs)
            if not hidden("DescribeImages", image.id)
        ]

    def filtered(owner: Any, method: str, action: str, key: str) -> None:
        @correct(owner, method)
        def describe(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
            return [
                item
                for item in original(self, *args, **kwargs)
                if not hidden(action, getattr(item, key))
            ]

    filtered(EC2Backend, "describe_security_groups", "DescribeSecurityGroups", "id")
    filtered(EC2Backend, "describe_launch_templates", "DescribeLaunchTemplates", "name")
    filtered(
        AutoScalingBackend, "describe_auto_scaling_groups", "DescribeAutoScalingGroups", "name"
    )

    @correct(EC2Backend, "delete_launch_template")
    def delete_launch_template(original: Any, self: Any, name: str, tid: str | None) -> Any:
        if name and hidden("DeleteLaunchTemplate", name):
            raise EC2ClientError(
                "InvalidLaunchTemplateName.NotFoundException",
                f"The launch template {name} does not exist.",
            )
        return original(self, name, tid)
