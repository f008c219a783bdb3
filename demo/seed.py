"""Six older deployments, as earlier releases would have left them, so that pruning is seen. Plain boto3."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from demo.account import Account
from demo.infrastructure import Infrastructure
from domain import names

TIMEOUTS = 30.0


def seed(
    account: Account,
    infrastructure: Infrastructure,
    *,
    stack: str,
    application: str,
    tags: Iterable[str],
) -> None:
    """Parked, with an image, a template and the day they served."""
    builder = account.ec2.run_instances(
        ImageId=infrastructure.base_image,
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.micro",
        SubnetId=infrastructure.subnets[0],
    )["Instances"][0]["InstanceId"]
    _until(lambda: _state(account, builder) == "running", "the seed's builder did not start")
    for number, tag in enumerate(tags, start=1):
        _seed_one(
            account,
            infrastructure,
            builder,
            stack,
            application,
            tag,
            served_at=f"2026-0{number}-15T03:00:00+00:00",
        )
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
    *,
    served_at: str,
) -> None:
    commit = names.token(tag)[:40]
    name = names.deployment(stack, tag, "seed")
    tags = {
        names.APPLICATION: application,
        names.TAG: tag,
        names.COMMIT: commit,
        names.RELEASE: f"release-{stack}/seed-{tag}",
        names.RECIPE: "seed",
        names.BASE_IMAGE: infrastructure.base_image,
    }
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    image = account.ec2.create_image(
        InstanceId=builder,
        Name=names.image(application, tag, "00000000"),
        TagSpecifications=[
            {"ResourceType": kind, "Tags": listed} for kind in ("image", "snapshot")
        ],
    )["ImageId"]
    account.ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": listed}],
    )
    group_tags = tags | {
        names.STACK: stack,
        names.DEPLOYMENT: name,
        names.STATE: "parked",
        names.SERVED_AT: served_at,
    }
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": name, "Version": "1"},
        MinSize=0,
        MaxSize=8,
        DesiredCapacity=0,
        VPCZoneIdentifier=",".join(infrastructure.subnets),
        Tags=[
            {
                "ResourceId": name,
                "ResourceType": "auto-scaling-group",
                "Key": key,
                "Value": value,
                "PropagateAtLaunch": False,
            }
            for key, value in group_tags.items()
        ],
    )


def _state(account: Account, instance: str) -> str:
    found: Any = account.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0][
        "Instances"
    ][0]
    return str(found["State"]["Name"])


def _until(check: Any, words: str) -> None:
    deadline = time.monotonic() + TIMEOUTS
    while not check():
        if time.monotonic() > deadline:
            raise RuntimeError(words)
        time.sleep(0.05)
