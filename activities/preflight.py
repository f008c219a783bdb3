"""Everything that would stop a release later, looked at before anything is made; all findings at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, translated
from activities.checks import Check
from activities.classic import Classic
from domain import names
from domain.config import Stack
from domain.errors import Hiccup, InvalidRequest, OvenbirdError
from domain.models import Model, TargetGroup

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

    @property
    def stack(self) -> Stack:
        return self.request.stack

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
        subnets = self._aws.ec2(stack.region).describe_subnets(SubnetIds=list(stack.network.subnets))["Subnets"]
        world = _World(request, list(subnets))
        asked: list[tuple[str, Callable[[_World], str]]] = [
            ("free addresses", self._addresses), ("instance type in the zones", self._offered), ("architecture", self._architecture),
            ("load balancer in the zones", self._balancer_zones), ("quota of groups", self._quota), ("instance refresh", self._refresh),
            ("permission to launch", self._dry_run), ("connection draining", self._draining),
        ]  # fmt: skip
        with ThreadPoolExecutor(len(asked)) as pool:
            return list(pool.map(lambda item: _checked(item[0], item[1], world), asked))

    @staticmethod
    def _addresses(world: _World) -> str:
        free, size = sum(subnet["AvailableIpAddressCount"] for subnet in world.subnets), world.request.size
        if free < size:
            raise InvalidRequest(
                f"the subnets have {free} addresses free, and the new version needs {size}: {', '.join(world.stack.network.subnets)}"
            )
        share = math.ceil(size / len(world.subnets))
        tight = [subnet["SubnetId"] for subnet in world.subnets if subnet["AvailableIpAddressCount"] < share]
        return f"{free}" + (f"; {', '.join(tight)} cannot hold an even share of {share}" if tight else "")

    def _offered(self, world: _World) -> str:
        kind = world.stack.instance.type
        pages = self._aws.ec2(world.stack.region).get_paginator("describe_instance_type_offerings").paginate(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [kind]}]
        )  # fmt: skip
        offered = {offer["Location"] for page in pages for offer in page["InstanceTypeOfferings"]}
        if missing := sorted(world.zones - offered):
            raise InvalidRequest(f"AWS offers no {kind} in {', '.join(missing)}")
        return f"{kind} in {', '.join(sorted(world.zones))}"

    def _architecture(self, world: _World) -> str:
        kind, wanted = world.stack.instance.type, world.stack.bake.architecture
        found = self._aws.ec2(world.stack.region).describe_instance_types(InstanceTypes=[kind])["InstanceTypes"]  # type: ignore[list-item]
        supported = found[0].get("ProcessorInfo", {}).get("SupportedArchitectures", []) if found else []
        if supported and wanted not in supported:
            raise InvalidRequest(f"images are for {wanted} (bake.architecture), and {kind} is {', '.join(supported)}")
        return wanted

    def _balancer_zones(self, world: _World) -> str:
        arns = sorted({arn for group in world.request.target_groups for arn in group.load_balancers})
        if not arns:
            return "asked of target groups' balancers"
        for balancer in self._aws.elbv2(world.stack.region).describe_load_balancers(LoadBalancerArns=arns)["LoadBalancers"]:
            zones = {zone.get("ZoneName", "") for zone in balancer.get("AvailabilityZones", [])}
            if missing := sorted(world.zones - zones):
                raise InvalidRequest(
                    f"the load balancer {balancer['LoadBalancerName']} is not in {', '.join(missing)}: instances there would never be healthy"
                )
        return ", ".join(sorted(world.zones))

    def _draining(self, world: _World) -> str:
        """A target group always drains; a classic balancer only where that is switched on."""
        keys = [group.arn for group in world.request.target_groups if names.is_classic(group.arn)]
        if not keys:
            return "a target group's own"
        return Classic(self._aws).require_draining(world.stack.region, keys, world.stack.patience.drain)

    def _quota(self, world: _World) -> str:
        limits = self._aws.autoscaling(world.stack.region).describe_account_limits()
        there, most = limits.get("NumberOfAutoScalingGroups", 0), limits.get("MaxNumberOfAutoScalingGroups", 0)
        if there >= most:
            raise InvalidRequest(f"the account has {there} of {most} Auto Scaling groups: prune, or ask AWS for more")
        return f"{there} of {most}"

    def _refresh(self, world: _World) -> str:
        if not world.request.blue:
            return "nothing serves yet"
        found = self._aws.autoscaling(world.stack.region).describe_instance_refreshes(AutoScalingGroupName=world.request.blue, MaxRecords=5)
        running = [refresh["InstanceRefreshId"] for refresh in found["InstanceRefreshes"] if refresh["Status"] in _RUNS]
        if running:
            raise InvalidRequest(f"somebody refreshes the instances of {world.request.blue} ({running[0]}): let it end, or cancel it")
        return "none"

    def _dry_run(self, world: _World) -> str:
        """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html: DryRun."""
        instance, image = world.stack.instance, world.request.image
        if not image:
            return "asked once there is an image"
        profile: Any = {"IamInstanceProfile": {"Name": instance.profile}} if instance.profile else {}
        try:
            self._aws.ec2(world.stack.region).run_instances(
                DryRun=True, ImageId=image, InstanceType=instance.type, MinCount=1, MaxCount=1, SubnetId=world.subnets[0]["SubnetId"],  # type: ignore[arg-type]
                SecurityGroupIds=list(instance.security_groups), **profile,
            )  # fmt: skip
        except ClientError as error:
            if code(error) != "DryRunOperation":
                raise
        return "granted"


def _checked(what: str, ask: Callable[[_World], str], world: _World) -> Check:
    try:
        return Check(what=what, found=translated(ask)(world))
    except InvalidRequest as error:
        return Check(what=what, problem=str(error))
    except Hiccup:
        raise
    except OvenbirdError as error:
        return Check(what=what, found=f"could not be found out: {error}")
