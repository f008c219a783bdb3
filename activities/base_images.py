"""Finds base images: by an SSM parameter, or by name and owner."""

from __future__ import annotations

from activities.aws import Aws
from domain.errors import InvalidRequest


def image_in_parameter(aws: Aws, region: str, parameter: str) -> str:
    """The id that the SSM parameter holds. Raises InvalidRequest where it does not exist."""
    ssm = aws.ssm(region)
    try:
        return ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        raise InvalidRequest(
            f"the base image's SSM parameter {parameter} does not exist in {region}"
        ) from None


def newest_image(aws: Aws, region: str, name: str, owner: str, architecture: str) -> str:
    """
    The id of the newest available image; `name` is a filter, `architecture` may be empty.

    Raises InvalidRequest where there is none.
    """
    filters = {"name": name, "state": "available"}
    if architecture:
        filters["architecture"] = architecture
    pages = (
        aws.ec2(region)
        .get_paginator("describe_images")
        .paginate(
            Owners=[owner],
            Filters=[{"Name": key, "Values": [value]} for key, value in filters.items()],
        )
    )
    found = [image for page in pages for image in page["Images"]]
    if not found:
        kind = f"{architecture} image" if architecture else "image"
        raise InvalidRequest(f"no {kind} of {owner} in {region} is called {name}")
    return max(found, key=lambda image: image.get("CreationDate", ""))["ImageId"]
