"""Membership of groups in target groups and classic balancers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, chunks, code, nothing_there, sentence, translated
from activities.classic import Classic, attach, detach
from activities.draining import Drainage, FindDrainage, drainage
from domain.errors import InvalidRequest
from domain.models import Model, TargetGroup
from domain.names import split

# "You cannot describe more than '20' target groups at a time", AWS says, and so of balancers:
# https://github.com/ansible-collections/amazon.aws/pull/1593
MOST_DESCRIBED = 20


class FindTargetGroups(Model):
    """By name or ARN, as the stack names them; classic balancers by their key."""

    region: str
    names: tuple[str, ...]


class Membership(Model):
    """From `visible_by` on, a group that AWS does not show does not exist."""

    region: str
    group: str
    target_groups: tuple[str, ...]
    visible_by: datetime | None = None


class Balancers:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._classic = Classic(aws)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_target_groups(self, request: FindTargetGroups) -> list[TargetGroup]:
        """
        In the order asked for: scaling policies on requests use the first.

        Raises InvalidRequest, which names the ones that do not exist or have no listener.
        """
        others, classics = split(request.names)
        arns = [name for name in others if name.startswith("arn:")]
        plain = [name for name in others if name not in arns]
        found = [
            *self._described(request.region, "TargetGroupArns", arns),
            *self._described(request.region, "Names", plain),
        ]
        if idle := [
            group["TargetGroupName"] for group in found if not group.get("LoadBalancerArns")
        ]:
            raise InvalidRequest(
                f"no listener uses {', '.join(idle)}: health checks would never run; "
                "add it to a listener first"
            )
        groups = {
            key: TargetGroup(
                arn=group["TargetGroupArn"],
                name=group["TargetGroupName"],
                load_balancers=tuple(group.get("LoadBalancerArns", [])),
                protocol=group.get("Protocol", "HTTP"),
            )
            for group in found
            for key in (group["TargetGroupArn"], group["TargetGroupName"])
        }
        if classics:
            groups |= {
                balancer.arn: balancer for balancer in self._classic.find(request.region, classics)
            }
        return [groups[name] for name in request.names]

    def _described(self, region: str, key: str, wanted: list[str]) -> list[Any]:
        """As AWS describes them. `key` is the name of DescribeTargetGroups' parameter."""
        elb = self._aws.elbv2(region)
        parameters: list[Any] = [{key: some} for some in chunks(wanted, MOST_DESCRIBED)]
        try:
            return [
                group
                for some in parameters
                for group in elb.describe_target_groups(**some)["TargetGroups"]
            ]
        except ClientError as error:
            if code(error) not in ("TargetGroupNotFound", "ValidationError"):
                raise
            raise InvalidRequest(
                f"not all target groups of the stack exist in {region}: "
                f"{', '.join(wanted)} ({sentence(error)})"
            ) from None

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_drainage(self, request: FindDrainage) -> Drainage:
        return drainage(self._aws, request.region, request.target_groups)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def attach(self, request: Membership) -> None:
        """Does nothing where the group is attached already."""
        try:
            attach(self._aws, request.region, request.group, request.target_groups)
        except ClientError as error:
            if "not found" in sentence(error):
                nothing_there(f"the group {request.group}", request.visible_by)
            raise

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def detach(self, request: Membership) -> None:
        """Starts the draining. Does nothing where the group is detached already."""
        detach(self._aws, request.region, request.group, request.target_groups)
