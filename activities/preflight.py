"""Everything that would stop a release later, looked at before anything is made; all findings at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, translated
from activities.checks import Check
from activities.classic import Classic
from domain import names
from domain.config import Stack
from domain.errors import InvalidRequest, OvenbirdError, TransientError
from domain.models import Model, TargetGroup

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html: Running On-Demand Standard instances.
STANDARD, STANDARD_QUOTA = ("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"), "L-1216C47A"
_RUNS = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")


class PreflightOf(Model):
    """`size` is how many instances green will have; `image` what they are launched from, where it is there already."""

    stack: Stack
    size: int
    target_groups: tuple[TargetGroup, ...]
    blue: str | None = None
    image: str | None = None


@dataclass(frozen=True)
class _World:
    request: PreflightOf
    subnets: list[Any]
    # The stack's instance types as AWS describes them; whoever asks is told why not where it cannot be had.
    described: Future[list[Any]]

    @property
    def stack(self) -> Stack:
        return self.request.stack

    @property
    def types(self) -> list[str]:
        return types(self.stack)

    @property
    def kinds(self) -> list[Any]:
        return self.described.result()

    @property
    def instances(self) -> int:
        """How many the size comes to with the preferred type, which is what a group on demand launches while it can be had."""
        return math.ceil(self.request.size / self.weight(self.types[0]))

    def weight(self, kind: str) -> int:
        mixed = self.stack.instance.mixed
        return mixed.types[kind] if mixed else 1

    @property
    def zones(self) -> set[str]:
        return {subnet["AvailabilityZone"] for subnet in self.subnets}


class Preflight:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def preflight(self, request: PreflightOf) -> list[Check]:
        """
        `problem` is what would stop it; what could not be found out is said in `found`, and stops nothing.

        One call each, all of them at the same time.
        """
        stack = request.stack
        subnets = self._aws.ec2(stack.region).describe_subnets(
            SubnetIds=list(stack.network.subnets)
        )["Subnets"]
        asked: list[tuple[str, Callable[[_World], str]]] = [
            ("free addresses", self._addresses),
            ("instance type in the zones", self._offered),
            ("architecture", self._architecture),
            ("load balancer in the zones", self._balancer_zones),
            ("quota of groups", self._quota),
            ("instance refresh", self._refresh),
            ("permission to launch", self._dry_run),
            ("connection draining", self._draining),
            ("quota of vCPUs", self._vcpus),
            ("encryption key", self._key),
            ("requests counted", self._requests),
        ]
        with ThreadPoolExecutor(len(asked) + 1) as pool:
            world = _World(request, list(subnets), pool.submit(self._describe, stack))
            return list(pool.map(lambda item: _checked(item[0], item[1], world), asked))

    def _describe(self, stack: Stack) -> list[Any]:
        return list(
            self._aws.ec2(stack.region).describe_instance_types(
                InstanceTypes=types(stack)  # type: ignore[arg-type]
            )["InstanceTypes"]
        )

    @staticmethod
    def _addresses(world: _World) -> str:
        free, size = (
            sum(subnet["AvailableIpAddressCount"] for subnet in world.subnets),
            world.instances,
        )
        if free < size:
            raise InvalidRequest(
                f"the subnets have {free} addresses free, and the new version needs {size}: {', '.join(world.stack.network.subnets)}"
            )
        share = math.ceil(size / len(world.subnets))
        tight = [
            subnet["SubnetId"]
            for subnet in world.subnets
            if subnet["AvailableIpAddressCount"] < share
        ]
        return f"{free}" + (
            f"; {', '.join(tight)} cannot hold an even share of {share}" if tight else ""
        )

    def _offered(self, world: _World) -> str:
        """One of the types is enough for a zone."""
        kinds = ", ".join(world.types)
        pages = (
            self._aws.ec2(world.stack.region)
            .get_paginator("describe_instance_type_offerings")
            .paginate(
                LocationType="availability-zone",
                Filters=[{"Name": "instance-type", "Values": world.types}],
            )
        )
        offered = {offer["Location"] for page in pages for offer in page["InstanceTypeOfferings"]}
        if missing := sorted(world.zones - offered):
            raise InvalidRequest(f"AWS offers no {kinds} in {', '.join(missing)}")
        return f"{kinds} in {', '.join(sorted(world.zones))}"

    def _architecture(self, world: _World) -> str:
        wanted = world.stack.bake.architecture
        for kind in world.kinds:
            supported = kind.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
            if supported and wanted not in supported:
                raise InvalidRequest(
                    f"images are for {wanted} (bake.architecture), and {kind['InstanceType']} is {', '.join(supported)}"
                )
        return wanted

    def _vcpus(self, world: _World) -> str:
        """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html: one quota for the standard families together."""
        first = next((kind for kind in world.kinds if kind["InstanceType"] == world.types[0]), None)
        if first is None or re.split(r"\d", first["InstanceType"])[0] not in STANDARD:
            return "of no standard family"
        needed = first["VCpuInfo"]["DefaultVCpus"] * world.instances
        quota = self._aws.service_quotas(world.stack.region).get_service_quota(
            ServiceCode="ec2", QuotaCode=STANDARD_QUOTA
        )["Quota"]["Value"]
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
        found = self._aws.cloudwatch(world.stack.region).get_metric_data(
            MetricDataQueries=[
                {"Id": "used", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Maximum"}}
            ],
            StartTime=now - timedelta(minutes=15),
            EndTime=now,
        )["MetricDataResults"]
        values = found[0]["Values"] if found else []
        beside = (
            f"the {values[0]:.0f} in use"
            if values
            else "what is in use, which CloudWatch does not say"
        )
        if (values[0] if values else 0) + needed > quota:
            raise InvalidRequest(
                f"the new version needs {needed} vCPUs beside {beside}, and the account's quota is {quota:.0f} (Running On-Demand "
                f"Standard instances, {STANDARD_QUOTA}): ask AWS for more"
            )
        return f"{needed} beside {beside}, of {quota:.0f}"

    def _key(self, world: _World) -> str:
        """A group's instances end at once where their volumes' key cannot be used."""
        key = world.stack.bake.kms_key
        if not key:
            return "none of the stack's own"
        described = self._aws.kms(world.stack.region).describe_key(KeyId=key)["KeyMetadata"]
        if (state := described.get("KeyState", "")) != "Enabled":
            raise InvalidRequest(
                f"the key {key} is {state}: instances of an image that it encrypts would end as they start"
            )
        return f"{key}, which AWSServiceRoleForAutoScaling must be allowed to use"

    def _balancer_zones(self, world: _World) -> str:
        groups = world.request.target_groups
        zones = {group.name: set(group.zones) for group in groups if names.is_classic(group.arn)}
        if arns := sorted({arn for group in groups for arn in group.load_balancers}):
            for balancer in self._aws.elbv2(world.stack.region).describe_load_balancers(
                LoadBalancerArns=arns
            )["LoadBalancers"]:
                zones[balancer["LoadBalancerName"]] = {
                    zone.get("ZoneName", "") for zone in balancer.get("AvailabilityZones", [])
                }
        for name, its in zones.items():
            if missing := sorted(world.zones - its):
                raise InvalidRequest(
                    f"the load balancer {name} is not in {', '.join(missing)}: instances there would never be healthy"
                )
        return ", ".join(sorted(world.zones))

    @staticmethod
    def _requests(world: _World) -> str:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html: there are none of requests."""
        wanted = ["scaling" for policy in world.stack.scaling if policy.metric == "requests"]
        wanted += ["watch"] if world.stack.watch.measures else []
        connections = [
            group.name
            for group in world.request.target_groups
            if not group.protocol.startswith("HTTP")
        ]
        if wanted and connections:
            raise InvalidRequest(
                f"the target group {connections[0]} counts connections, not requests: scale on cpu, and name alarms in watch.alarms "
                "in place of rates"
            )
        return ", ".join(wanted) or "nothing counts them"

    def _draining(self, world: _World) -> str:
        """A target group always drains; a classic balancer only where that is switched on."""
        balancers = [
            group.name for group in world.request.target_groups if names.is_classic(group.arn)
        ]
        if not balancers:
            return "a target group's own"
        return Classic(self._aws).require_draining(
            world.stack.region, balancers, world.stack.timeouts.drain
        )

    def _quota(self, world: _World) -> str:
        limits = self._aws.autoscaling(world.stack.region).describe_account_limits()
        there, most = (
            limits.get("NumberOfAutoScalingGroups", 0),
            limits.get("MaxNumberOfAutoScalingGroups", 0),
        )
        if there >= most:
            raise InvalidRequest(
                f"the account has {there} of {most} Auto Scaling groups: prune, or ask AWS for more"
            )
        return f"{there} of {most}"

    def _refresh(self, world: _World) -> str:
        if not world.request.blue:
            return "nothing serves yet"
        found = self._aws.autoscaling(world.stack.region).describe_instance_refreshes(
            AutoScalingGroupName=world.request.blue, MaxRecords=5
        )
        running = [
            refresh["InstanceRefreshId"]
            for refresh in found["InstanceRefreshes"]
            if refresh["Status"] in _RUNS
        ]
        if running:
            raise InvalidRequest(
                f"somebody refreshes the instances of {world.request.blue} ({running[0]}): let it end, or cancel it"
            )
        return "none"

    def _dry_run(self, world: _World) -> str:
        """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html: DryRun."""
        instance, image = world.stack.instance, world.request.image
        if not image:
            return "asked once there is an image"
        profile: Any = (
            {"IamInstanceProfile": {"Name": instance.profile}} if instance.profile else {}
        )
        try:
            self._aws.ec2(world.stack.region).run_instances(
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


def types(stack: Stack) -> list[str]:
    return list(stack.instance.mixed.types) if stack.instance.mixed else [stack.instance.type]


def _checked(what: str, ask: Callable[[_World], str], world: _World) -> Check:
    try:
        return Check(what=what, found=translated(ask)(world))
    except InvalidRequest as error:
        return Check(what=what, problem=str(error))
    except TransientError:
        raise
    except OvenbirdError as error:
        return Check(what=what, found=f"could not be found out: {error}")
