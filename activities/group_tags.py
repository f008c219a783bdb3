"""The tags of Auto Scaling groups: what AWS is told of them, in as many calls as they need."""

from __future__ import annotations

from typing import Any

from activities.aws import Aws, chunks
from activities.group_requests import EnsureGroup
from domain import names

KIND = "auto-scaling-group"
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
MOST = 25


def put(aws: Aws, region: str, tags: dict[str, dict[str, str]]) -> None:
    """By group, in their order."""
    told = [
        tag for group, values in tags.items() for tag in _parameters(group, values, propagate=False)
    ]
    put_rest(aws, region, told)


def put_rest(aws: Aws, region: str, tags: list[Any]) -> None:
    """As AWS is told of them."""
    for some in chunks(tags, MOST):
        aws.autoscaling(region).create_or_update_tags(Tags=some)


def of_new_group(request: EnsureGroup) -> tuple[list[Any], list[Any]]:
    """
    Those of the call that makes it, and the rest.

    Ovenbird's own are among the first: they say whose the group is.
    """
    ours = {key: value for key, value in request.tags.items() if key.startswith(names.OURS)}
    others = {key: value for key, value in request.tags.items() if key not in ours}
    told = [
        *_parameters(request.name, ours, propagate=request.configuration),
        *_parameters(request.name, request.marks, propagate=False),
        *_parameters(request.name, others, propagate=request.configuration),
    ]
    return told[:MOST], told[MOST:]


def _parameters(group: str, tags: dict[str, str], *, propagate: bool) -> list[Any]:
    return [
        {
            "ResourceId": group,
            "ResourceType": KIND,
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagate,
        }
        for key, value in tags.items()
    ]
