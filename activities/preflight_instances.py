"""Checks before a release: can AWS launch green's instances?"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from activities.aws import Aws, code
from activities.preflight_world import World
from domain.errors import InvalidRequest

# Running On-Demand Standard instances:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html
STANDARD, STANDARD_QUOTA = ("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"), "L-1216C47A"


def addresses(_: Aws, world: World) -> str:
    free = sum(subnet["AvailableIpAddressCount"] for subnet in world.subnets)
    size = world.instances
    if free < size:
        raise InvalidRequest(
            f"the subnets have {free} addresses free, and the new version needs {size}: "
            f"{', '.join(world.stack.network.subnets)}"
        )
    share = math.ceil(size / len(world.subnets))
    tight = [
        subnet["SubnetId"] for subnet in world.subnets if subnet["AvailableIpAddressCount"] < share
    ]
    return f"{free}" + (
        f"; {', '.join(tight)} cannot hold an even share of {share}" if tight else ""
    )


def offered(aws: Aws, world: World) -> str:
    """A zone needs one of the types."""
    kinds = ", ".join(world.types)
    zones = world.remembered.answer(
        ("zones", world.stack.region, *world.types),
        lambda: _zones(aws, world),
        lambda known: world.zones <= known,
    )
    if missing := sorted(world.zones - zones):
        raise InvalidRequest(f"AWS offers no {kinds} in {', '.join(missing)}")
    return f"{kinds} in {', '.join(sorted(world.zones))}"


def _zones(aws: Aws, world: World) -> set[str]:
    """In which AWS offers one of the types."""
    pages = (
        aws.ec2(world.stack.region)
        .get_paginator("describe_instance_type_offerings")
        .paginate(
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": world.types}],
        )
    )
    return {offer["Location"] for page in pages for offer in page["InstanceTypeOfferings"]}


def architecture(_: Aws, world: World) -> str:
    wanted = world.stack.bake.architecture
    for kind in world.kinds:
        supported = kind.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
        if supported and wanted not in supported:
            raise InvalidRequest(
                f"images are for {wanted} (bake.architecture), "
                f"and {kind['InstanceType']} is {', '.join(supported)}"
            )
    return wanted


def vcpus(aws: Aws, world: World) -> str:
    """
    All standard instance families share one quota.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html
    """
    first = next((kind for kind in world.kinds if kind["InstanceType"] == world.types[0]), None)
    if first is None or re.split(r"\d", first["InstanceType"])[0] not in STANDARD:
        return "of no standard family"
    needed = first["VCpuInfo"]["DefaultVCpus"] * world.instances
    used = _used(aws, world, needed)
    quota = world.remembered.answer(
        ("quota", world.stack.region, STANDARD_QUOTA),
        lambda: _quota(aws, world.stack.region),
        lambda known: (used or 0) + needed <= known,
    )
    beside = (
        "what is in use, which CloudWatch does not say"
        if used is None
        else f"the {used:.0f} in use"
    )
    if (used or 0) + needed > quota:
        raise InvalidRequest(
            f"the new version needs {needed} vCPUs beside {beside}, and the account's quota is "
            f"{quota:.0f} (Running On-Demand Standard instances, {STANDARD_QUOTA}): "
            "ask AWS for more"
        )
    return f"{needed} beside {beside}, of {quota:.0f}"


def _used(aws: Aws, world: World, needed: int) -> float | None:
    """Asked once an hour while half of the quota is free, as no hour of releases uses that up."""
    region = world.stack.region
    quota = world.remembered.answer(("quota", region, STANDARD_QUOTA), lambda: _quota(aws, region))
    return world.remembered.answer(
        ("vCPUs in use", region),
        lambda: _vcpus_in_use(aws, region),
        lambda known: known is not None and (known + needed) * 2 <= quota,
    )


def _quota(aws: Aws, region: str) -> float:
    found = aws.service_quotas(region).get_service_quota(
        ServiceCode="ec2", QuotaCode=STANDARD_QUOTA
    )
    return found["Quota"]["Value"]


def _vcpus_in_use(aws: Aws, region: str) -> float | None:
    """
    The vCPUs of the standard families in use; None without a metric.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Service-Quota-Integration.html
    """
    now = datetime.now(UTC)
    metric: Any = {
        "Namespace": "AWS/Usage",
        "MetricName": "ResourceCount",
        "Dimensions": [
            {"Name": "Service", "Value": "EC2"},
            {"Name": "Resource", "Value": "vCPU"},
            {"Name": "Type", "Value": "Resource"},
            {"Name": "Class", "Value": "Standard/OnDemand"},
        ],
    }
    found = aws.cloudwatch(region).get_metric_data(
        MetricDataQueries=[
            {"Id": "used", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Maximum"}}
        ],
        StartTime=now - timedelta(minutes=15),
        EndTime=now,
    )["MetricDataResults"]
    values = found[0]["Values"] if found else []
    return values[0] if values else None


def encryption_key(aws: Aws, world: World) -> str:
    """An instance ends at once where its volumes' key cannot be used."""
    key = world.stack.bake.kms_key
    if not key:
        return "none of the stack's own"
    described = aws.kms(world.stack.region).describe_key(KeyId=key)["KeyMetadata"]
    if (state := described.get("KeyState", "")) != "Enabled":
        raise InvalidRequest(
            f"the key {key} is {state}: "
            "instances of an image that it encrypts would end as they start"
        )
    return f"{key}, which AWSServiceRoleForAutoScaling must be allowed to use"


def dry_run(aws: Aws, world: World) -> str:
    """
    DryRun checks permissions without launching an instance.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
    """
    instance, image = world.stack.instance, world.image
    if not image:
        return "asked once there is an image"
    profile: Any = {"IamInstanceProfile": {"Name": instance.profile}} if instance.profile else {}
    try:
        aws.ec2(world.stack.region).run_instances(
            DryRun=True,
            ImageId=image,
            InstanceType=instance.type,  # type: ignore[arg-type]
            MinCount=1,
            MaxCount=1,
            SubnetId=world.subnets[0]["SubnetId"],
            SecurityGroupIds=list(instance.security_groups),
            **profile,
        )
    except ClientError as error:
        if code(error) != "DryRunOperation":
            raise
    return "granted"
