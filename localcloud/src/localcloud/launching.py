"""How an Auto Scaling group launches: where, from what, and what it notes about it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from localcloud import mixing
from localcloud.region import Region
from localcloud.upstream import ASG_NAME_TAG, Activity, EC2ClientError, InstanceState

RETRY_AFTER_FAILURE = 5
_DIFFERENCE = (
    "an instance was started in response to a difference between desired and actual capacity."
)


def launch(region: Region, group: Any, units: int) -> None:
    """Until so many units are there: the last instance may weigh more than is missing."""
    while units > 0:
        units -= mixing.first_weight(group)
        instance = _launch_one(group)
        if instance is None:
            group.retry_at = time.monotonic() + RETRY_AFTER_FAILURE * region.delays.scale
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
        note(group, f"Launching a new EC2 instance: {instance.id}", _DIFFERENCE)


def note(
    group: Any, description: str, cause: str, status: str = "Successful", message: str | None = None
) -> None:
    """One more scaling activity; AWS lists the newest first."""
    now = datetime.now(UTC)
    activity: Any = Activity(
        description, f"At {now:%Y-%m-%dT%H:%M:%SZ} {cause}", group, status_code=status
    )
    activity.progress, activity.status_message = 100, message
    group.__dict__.setdefault("history", []).insert(0, activity)


def _launch_one(group: Any) -> Any:
    """
    In the emptiest zone, or in the next one when that has no capacity.

    Each failure is a scaling activity. None when there is no instance.
    """
    used = [member.instance.subnet_id for member in group.instance_states]
    for subnet in sorted((group.vpc_zone_identifier or "").split(","), key=used.count):
        try:
            return _run(group, subnet)
        except (EC2ClientError, IndexError, LookupError) as problem:
            error = (
                problem
                if isinstance(problem, EC2ClientError)
                else EC2ClientError("ValidationError", f"{problem}")
            )
            note(
                group,
                "Launching a new EC2 instance.  Status Reason: " + error.message,
                _DIFFERENCE,
                "Failed",
                error.message + " Launching EC2 instance failed.",
            )
            if error.code != "InsufficientInstanceCapacity":
                return None
    return None


def _run(group: Any, subnet: str) -> Any:
    tags = group.get_propagated_tags() | group.instance_tags | {ASG_NAME_TAG: group.name}
    template, profile, metadata = _source(group)
    reservation = group.autoscaling_backend.ec2_backend.run_instances(
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


def _source(group: Any) -> tuple[dict[str, str], Any, Any]:
    """The template, and what moto leaves out of it: the profile and the metadata options."""
    if group.ec2_launch_template:
        version = group.launch_template_version
        data = group.ec2_launch_template.get_version(version).data
        template = {"LaunchTemplateId": group.ec2_launch_template.id, "Version": version}
        profile = data.get("IamInstanceProfile", {}).get("Name")
        return template, profile, data.get("MetadataOptions")
    if group.launch_config:
        return {}, group.launch_config.iam_instance_profile, group.launch_config.metadata_options
    return {}, None, None
