"""What Terraform would make before the first release: network, base image, bucket, balancer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3

from demo.balancers import add_balancer
from demo.infrastructure import Infrastructure


def build(
    environment: dict[str, str],
    *,
    stack: str = "demo",
    port: int = 8000,
    health: str = "/health",
    app_port: int = 8080,
    network: int = 1,
) -> Infrastructure:
    """
    Plain boto3, in the region of the environment: no code of Ovenbird's makes infrastructure.

    `network` is the third octet of the first subnet: the regions of a local cloud share addresses.
    """
    make = _clients(environment)
    region, cidr = environment["AWS_DEFAULT_REGION"], environment["LOCALCLOUD_CIDR"]
    prefix = cidr.rsplit(".", 2)[0]
    ec2 = make("ec2")
    vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    subnets = tuple(
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"{prefix}.{number}.0/24", AvailabilityZone=f"{region}{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in ((network, "a"), (network + 1, "b"))
    )
    group = ec2.create_security_group(GroupName="web", Description="web servers", VpcId=vpc)[
        "GroupId"
    ]
    base = ec2.register_image(Name="base-2026.11", RootDeviceName="/dev/xvda")["ImageId"]
    bucket = f"ovenbird-artifacts-{vpc[-8:]}"
    make("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region}
    )
    made = Infrastructure(region, vpc, subnets, group, base, bucket, "", "", "")
    return add_balancer(environment, made, stack, port=port, health=health, app_port=app_port)


def _clients(environment: dict[str, str]) -> Callable[[str], Any]:
    client: Any = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    ).client
    return lambda service: client(service, endpoint_url=environment["AWS_ENDPOINT_URL"])
