"""Classic load balancers: a group joins them by name, and their states have other words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from activities.aws import Aws, chunks, code, sentence
from domain import names
from domain.errors import InvalidRequest
from domain.models import TargetGroup, TargetState

# https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/config-conn-drain.html
DRAINING = "deregistration currently in progress"
LEFT = "not currently registered"
# https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/ts-elb-healthcheck.html
COMING = "registration is still in progress"
# https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_DescribeInstanceHealth.html
GONE = ("InvalidInstance", "InvalidEndPoint")
# Of target groups, or of classic balancers, in one call that attaches or detaches them:
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
MOST_JOINED = 10


class Classic:
    """Classic load balancers under the keys of `names.classic`, in place of target group ARNs."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def find(self, region: str, wanted: list[str]) -> list[TargetGroup]:
        """By name. Raises InvalidRequest, which names the ones that do not exist."""
        try:
            found = self._aws.elb(region).describe_load_balancers(LoadBalancerNames=wanted)[
                "LoadBalancerDescriptions"
            ]
        except ClientError as error:
            if code(error) in ("LoadBalancerNotFound", "AccessPointNotFound"):
                raise InvalidRequest(
                    f"not all classic load balancers of the stack exist in {region}: "
                    f"{', '.join(wanted)} ({sentence(error)})"
                ) from None
            raise
        return [
            TargetGroup(
                arn=names.classic(balancer["LoadBalancerName"]),
                name=balancer["LoadBalancerName"],
                # With one listener that is not HTTP, the metrics do not count requests.
                protocol=next(
                    (p for p in _protocols(balancer) if not p.startswith("HTTP")), "HTTP"
                ),
                zones=tuple(balancer.get("AvailabilityZones", [])),
            )
            for balancer in found
        ]

    def health(self, region: str, name: str, instances: Iterable[str]) -> dict[str, TargetState]:
        """
        States of the given instances, in a target group's words.

        AWS says InService of an instance that drains. Instances are named in the call, since the
        list without names leaves out those that drain.
        """
        asked = [{"InstanceId": instance} for instance in instances]
        if not asked:
            return {}
        elb = self._aws.elb(region)
        try:
            states = elb.describe_instance_health(
                LoadBalancerName=name,
                Instances=asked,  # type: ignore[arg-type]
            )["InstanceStates"]
        except ClientError as error:
            if code(error) not in GONE:
                raise
            states = [state for one in asked for state in self._state(elb, name, one)]
        return {
            state["InstanceId"]: classic_state(
                state.get("State", ""), state.get("ReasonCode", ""), state.get("Description", "")
            )
            for state in states
        }

    @staticmethod
    def _state(elb: Any, name: str, instance: dict[str, str]) -> list[Any]:
        """Empty for an instance that has ended, or that the balancer does not know yet."""
        try:
            found: list[Any] = elb.describe_instance_health(
                LoadBalancerName=name, Instances=[instance]
            )["InstanceStates"]
        except ClientError as error:
            if code(error) not in GONE:
                raise
            return []
        return found

    def delays(self, region: str, balancers: Iterable[str]) -> dict[str, float]:
        """For how many seconds each drains; 0 where connection draining is off."""
        told = {}
        for name in balancers:
            attributes = self._aws.elb(region).describe_load_balancer_attributes(
                LoadBalancerName=name
            )["LoadBalancerAttributes"]
            draining = attributes.get("ConnectionDraining", {"Enabled": False})
            told[name] = float(draining.get("Timeout", 300)) if draining["Enabled"] else 0.0
        return told


def _protocols(balancer: Any) -> list[str]:
    return [
        listener["Listener"]["Protocol"].upper()
        for listener in balancer.get("ListenerDescriptions", [])
    ]


def target_states(
    aws: Aws, region: str, key: str, instances: Iterable[str]
) -> dict[str, TargetState]:
    """
    By instance, in a target group or classic balancer.

    A classic balancer is asked about these instances, a target group about all of its targets.
    """
    _, balancers = names.split([key])
    if balancers:
        return Classic(aws).health(region, balancers[0], instances)
    found = aws.elbv2(region).describe_target_health(TargetGroupArn=key)
    return {
        target["Target"]["Id"]: TargetState(state=target["TargetHealth"].get("State", ""))
        for target in found["TargetHealthDescriptions"]
    }


def deregister(aws: Aws, region: str, key: str, instances: Iterable[str]) -> None:
    """Starts their draining. Does nothing of those that are not registered."""
    _, balancers = names.split([key])
    if balancers:
        aws.elb(region).deregister_instances_from_load_balancer(
            LoadBalancerName=balancers[0], Instances=[{"InstanceId": i} for i in instances]
        )
    else:
        aws.elbv2(region).deregister_targets(
            TargetGroupArn=key, Targets=[{"Id": i} for i in instances]
        )


def detach(aws: Aws, region: str, group: str, keys: Iterable[str]) -> None:
    """Detaches a group from target groups and classic balancers. It may have left some before."""
    arns, balancers = names.split(keys)
    autoscaling = aws.autoscaling(region)
    for some in chunks(arns, MOST_JOINED):
        with _content_if_gone():
            autoscaling.detach_load_balancer_target_groups(
                AutoScalingGroupName=group, TargetGroupARNs=some
            )
    for some in chunks(balancers, MOST_JOINED):
        with _content_if_gone():
            autoscaling.detach_load_balancers(AutoScalingGroupName=group, LoadBalancerNames=some)


@contextmanager
def _content_if_gone() -> Iterator[None]:
    """Around one call that detaches: the next one is made whatever this one finds."""
    try:
        yield
    except ClientError as error:
        if "not part of the group" not in sentence(error).lower():
            raise


def attach(aws: Aws, region: str, group: str, keys: Iterable[str]) -> None:
    """Attaches a group to target groups and classic balancers."""
    arns, balancers = names.split(keys)
    for some in chunks(arns, MOST_JOINED):
        aws.autoscaling(region).attach_load_balancer_target_groups(
            AutoScalingGroupName=group, TargetGroupARNs=some
        )
    for some in chunks(balancers, MOST_JOINED):
        aws.autoscaling(region).attach_load_balancers(
            AutoScalingGroupName=group, LoadBalancerNames=some
        )


def classic_state(state: str, reason: str, description: str) -> TargetState:
    """
    The state in a target group's words.

    AWS says InService while the instance drains. OutOfService means: not registered, registering,
    or failing its checks. Unknown means that AWS cannot say.
    """
    words = description if description != "N/A" else ""
    if DRAINING in words:
        known = "draining"
    elif LEFT in words:
        known = "unused"
    elif COMING in words:
        known = "initial"
    else:
        known = {"InService": "healthy", "OutOfService": "unhealthy"}.get(state, "unavailable")
    return TargetState(state=known, reason="" if reason == "N/A" else reason, description=words)
