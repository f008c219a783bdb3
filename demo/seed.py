"""Older deployments as earlier releases leave them, made by plain boto3, so that pruning shows."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from demo.account import Account
from demo.infrastructure import Infrastructure
from domain import names

# Seconds until the builder runs, and until its images are available.
READY_WITHIN = 30.0


def seed(
    account: Account,
    infrastructure: Infrastructure,
    *,
    stack: str,
    application: str,
    tags: Iterable[str],
) -> None:
    """One parked deployment for each tag, with an image, a template and the day it served."""
    builder = account.ec2.run_instances(
        ImageId=infrastructure.base_image,
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.micro",
        SubnetId=infrastructure.subnets[0],
    )["Instances"][0]["InstanceId"]
    _until(lambda: _state(account, builder) == "running", "the seed's builder did not start")
    for number, tag in enumerate(tags, start=1):
        served_at = f"2026-0{number}-15T03:00:00+00:00"
        _seed_one(account, infrastructure, builder, stack, application, tag, served_at)
    account.ec2.terminate_instances(InstanceIds=[builder])
    _until(
        lambda: all(
            image["State"] == "available"
            for image in account.ec2.describe_images(Owners=["self"])["Images"]
        ),
        "the seed's images did not become available",
    )


def _seed_one(
    account: Account,
    infrastructure: Infrastructure,
    builder: str,
    stack: str,
    application: str,
    tag: str,
    served_at: str,
) -> None:
    tags = {
        names.APPLICATION: application,
        names.TAG: tag,
        names.COMMIT: names.token(tag)[:40],
        names.RELEASE: f"release-{stack}/seed-{tag}",
        names.RECIPE: "seed",
        names.BASE_IMAGE: infrastructure.base_image,
    }
    name = names.deployment(stack, tag, "seed")
    image = _make_image(account, builder, names.image(application, tag, "00000000"), tags)
    _make_template(account, name, image, tags)
    of_group = {
        names.STACK: stack,
        names.DEPLOYMENT: name,
        names.STATE: "parked",
        names.SERVED_AT: served_at,
    }
    _make_group(account, infrastructure, name, tags | of_group)


def _make_image(account: Account, builder: str, name: str, tags: dict[str, str]) -> str:
    """Its id."""
    listed = _listed(tags)
    image: str = account.ec2.create_image(
        InstanceId=builder,
        Name=name,
        TagSpecifications=[
            {"ResourceType": kind, "Tags": listed} for kind in ("image", "snapshot")
        ],
    )["ImageId"]
    return image


def _make_template(account: Account, name: str, image: str, tags: dict[str, str]) -> None:
    account.ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": _listed(tags)}],
    )


def _make_group(
    account: Account, infrastructure: Infrastructure, name: str, tags: dict[str, str]
) -> None:
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": name, "Version": "1"},
        MinSize=0,
        MaxSize=8,
        DesiredCapacity=0,
        VPCZoneIdentifier=",".join(infrastructure.subnets),
        Tags=[
            tag
            | {"ResourceId": name, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
            for tag in _listed(tags)
        ],
    )


def _listed(tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _state(account: Account, instance: str) -> str:
    found: Any = account.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0][
        "Instances"
    ][0]
    return str(found["State"]["Name"])


def _until(check: Any, words: str) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not check():
        if time.monotonic() > deadline:
            raise RuntimeError(words)
        time.sleep(0.05)
