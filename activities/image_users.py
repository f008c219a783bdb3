"""Finds what uses machine images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from activities.aws import MOST_FILTERED, Aws, chunks


def users_of(aws: Aws, region: str, images: Sequence[str]) -> dict[str, list[str]]:
    """The users of each image, as "instance ID", "launch template NAME", …"""
    users: dict[str, list[str]] = {image: [] for image in images}
    some_by_some = list(chunks(images, MOST_FILTERED))
    for image, user in (
        *(used for some in some_by_some for used in _instances(aws, region, some)),
        *(used for some in some_by_some for used in _templates(aws, region, some)),
        *_configurations(aws, region),
    ):
        if image in users:
            users[image].append(user)
    return users


def _instances(aws: Aws, region: str, images: Sequence[str]) -> Iterator[tuple[str, str]]:
    pages = aws.ec2(region).get_paginator("describe_instances").paginate(Filters=_by_image(images))
    for instance in (i for page in pages for r in page["Reservations"] for i in r["Instances"]):
        if instance["State"]["Name"] not in ("terminated", "shutting-down"):
            yield instance["ImageId"], f"instance {instance['InstanceId']}"


def _templates(aws: Aws, region: str, images: Sequence[str]) -> Iterator[tuple[str, str]]:
    pages = (
        aws.ec2(region)
        .get_paginator("describe_launch_template_versions")
        .paginate(Versions=["$Latest", "$Default"], Filters=_by_image(images))
    )
    for version in (version for page in pages for version in page["LaunchTemplateVersions"]):
        image = version["LaunchTemplateData"]["ImageId"]
        yield image, f"launch template {version['LaunchTemplateName']}"


def _configurations(aws: Aws, region: str) -> Iterator[tuple[str, str]]:
    pages = aws.autoscaling(region).get_paginator("describe_launch_configurations").paginate()
    for config in (config for page in pages for config in page["LaunchConfigurations"]):
        yield config["ImageId"], f"launch configuration {config['LaunchConfigurationName']}"


def _by_image(images: Sequence[str]) -> Any:
    return [{"Name": "image-id", "Values": list(images)}]
