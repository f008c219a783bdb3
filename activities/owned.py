"""What releases and bakes of a stack have made, beside its groups."""

from __future__ import annotations

from typing import Any

from activities.aws import Aws, tag_dict
from activities.image_facts import image_facts
from domain import names
from domain.sweep import Owned


def owned_by(aws: Aws, region: str, stack: str, application: str) -> tuple[Owned, ...]:
    """Five reads by tag. The error of one is raised: a part would look like missing resources."""
    of_stack: Any = [{"Name": f"tag:{names.STACK}", "Values": [stack]}]
    of_application: Any = [{"Name": f"tag:{names.APPLICATION}", "Values": [application]}]
    return (
        *_templates(aws, region, of_stack),
        *_builders(aws, region, of_application),
        *_security_groups(aws, region, of_application),
        *_snapshots(aws, region, of_application),
    )


def _templates(aws: Aws, region: str, wanted: Any) -> list[Owned]:
    pages = aws.ec2(region).get_paginator("describe_launch_templates").paginate(Filters=wanted)
    return [
        Owned(
            kind="launch template",
            id=template["LaunchTemplateId"],
            name=template["LaunchTemplateName"],
            release=tag_dict(template.get("Tags")).get(names.RELEASE, ""),
            created_at=template["CreateTime"].isoformat(),
        )
        for page in pages
        for template in page["LaunchTemplates"]
    ]


def _builders(aws: Aws, region: str, wanted: Any) -> list[Owned]:
    """The application's instances that belong to no stack."""
    pages = aws.ec2(region).get_paginator("describe_instances").paginate(Filters=wanted)
    instances = [i for page in pages for r in page["Reservations"] for i in r["Instances"]]
    tagged = [(instance, tag_dict(instance.get("Tags"))) for instance in instances]
    return [
        Owned(
            kind="instance",
            id=instance["InstanceId"],
            name=tags.get("Name", ""),
            release=tags.get(names.RELEASE, ""),
            created_at=instance["LaunchTime"].isoformat(),
        )
        for instance, tags in tagged
        if names.STACK not in tags
        and instance["State"]["Name"] not in ("terminated", "shutting-down")
    ]


def _security_groups(aws: Aws, region: str, wanted: Any) -> list[Owned]:
    pages = aws.ec2(region).get_paginator("describe_security_groups").paginate(Filters=wanted)
    return [
        Owned(
            kind="security group",
            id=group["GroupId"],
            name=group["GroupName"],
            release=tag_dict(group.get("Tags")).get(names.RELEASE, ""),
        )
        for page in pages
        for group in page["SecurityGroups"]
    ]


def _snapshots(aws: Aws, region: str, wanted: Any) -> list[Owned]:
    """The application's snapshots of which no image is left."""
    ec2 = aws.ec2(region)
    snapshots = [
        snapshot
        for page in ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=wanted
        )
        for snapshot in page["Snapshots"]
    ]
    images = ec2.get_paginator("describe_images").paginate(
        IncludeDisabled=True, Owners=["self"], Filters=wanted
    )
    used = {s for page in images for i in page["Images"] for s in image_facts(i).snapshots}
    return [
        Owned(
            kind="snapshot",
            id=snapshot["SnapshotId"],
            name=snapshot["SnapshotId"],
            release=tag_dict(snapshot.get("Tags")).get(names.RELEASE, ""),
            created_at=snapshot["StartTime"].isoformat(),
        )
        for snapshot in snapshots
        if snapshot["SnapshotId"] not in used
    ]
