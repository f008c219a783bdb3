"""A group at its end: first out of the traffic, then empty, whatever keeps its instances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from activities.aws import Aws, chunks, code, sentence
from activities.classic import deregister, detach, target_states
from activities.group_facts import facts, members
from domain import lifecycle, names
from domain.errors import NotReady
from domain.models import Instance

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.type_defs import AutoScalingGroupTypeDef

# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetInstanceProtection.html
MOST = 50
# It stays in the group until it is ended by name.
KEPT_APART = ("Standby", "Terminating:Retained")
# Somebody deleted the target group or classic balancer: no request comes that way any more.
NO_BALANCER = ("TargetGroupNotFound", "LoadBalancerNotFound", "AccessPointNotFound")


def require_out_of_traffic(
    aws: Aws, region: str, described: AutoScalingGroupTypeDef, target_groups: Iterable[str]
) -> None:
    """
    Out of what it is attached to, and of these target groups and classic balancers, and drained.

    Raises NotReady until then. AWS waits for the draining of what a group ends while it is
    attached, and not of what has left before: the group keeps its size until nothing drains.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/attach-load-balancer-asg.html
    """
    group, ids = facts(described), {instance.id for instance in members(described)}
    if group.target_groups:
        _detach(aws, region, group.name, group.target_groups)
    left: Counter[str] = Counter()
    for key in dict.fromkeys((*group.target_groups, *target_groups)) if ids else ():
        states = _states(aws, region, key, ids)
        left.update(states.values())
        # A person registered it, or AWS has not begun: the one or the other is the same to users.
        registered = sorted(i for i, state in states.items() if state != "draining")
        if registered:
            deregister(aws, region, key, registered)
    if left:
        told = ", ".join(f"{number} {state}" for state, number in sorted(left.items()))
        raise NotReady(f"targets of {group.name} are still in the load balancer: {told}")


def require_empty(
    aws: Aws,
    region: str,
    described: AutoScalingGroupTypeDef,
    sizes: Mapping[str, int],
    may_stay: Callable[[str], bool] = lambda _: False,
) -> None:
    """
    At these sizes, and with no instance but in a lifecycle state that `may_stay`.

    Raises NotReady until then. What keeps an instance is undone: a suspended Terminate, protection
    from scale-in, Standby.
    """
    group = facts(described)
    now: Any = described
    wanted: Any = {key: size for key, size in sizes.items() if now[key] != size}
    if wanted:
        aws.autoscaling(region).update_auto_scaling_group(AutoScalingGroupName=group.name, **wanted)
    left = [instance for instance in members(described) if not may_stay(instance.lifecycle)]
    if not left:
        return
    if lifecycle.TERMINATE in group.suspended:
        aws.autoscaling(region).resume_processes(
            AutoScalingGroupName=group.name, ScalingProcesses=[lifecycle.TERMINATE]
        )
    try:
        unprotect(aws, region, group.name, left)
        for instance in left:
            if instance.lifecycle in KEPT_APART:
                # At size zero nothing takes its place.
                aws.autoscaling(region).terminate_instance_in_auto_scaling_group(
                    InstanceId=instance.id, ShouldDecrementDesiredCapacity=False
                )
    except ClientError as error:
        # Its state may have changed since it was described.
        if code(error) != "ValidationError":
            raise
        raise NotReady(f"an instance of {group.name} stays: {sentence(error)}") from None
    states = Counter(lifecycle.words(instance.lifecycle) for instance in left)
    told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    raise NotReady(f"the group {group.name} still has {len(left)} instances: {told}")


def unprotect(aws: Aws, region: str, name: str, instances: Iterable[Instance]) -> None:
    """
    Lifts the protection from scale-in, so that size zero ends them.

    AWS refuses the whole call where one of the instances is in another state.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-instance-protection.html
    """
    protected = [
        instance.id
        for instance in instances
        if instance.protected and instance.lifecycle in lifecycle.PROTECTABLE
    ]
    for some in chunks(protected, MOST):
        aws.autoscaling(region).set_instance_protection(
            AutoScalingGroupName=name, InstanceIds=some, ProtectedFromScaleIn=False
        )


def _detach(aws: Aws, region: str, group: str, keys: Iterable[str]) -> None:
    """A target group by itself, a classic balancer by itself: one may have left a moment ago."""
    arns, balancers = names.split(keys)
    for some in (arns, [names.classic(name) for name in balancers]):
        try:
            detach(aws, region, group, some)
        except ClientError as error:
            if "not part of the group" not in sentence(error).lower():
                raise


def _states(aws: Aws, region: str, key: str, ids: set[str]) -> dict[str, str]:
    """Of those instances that may still get, or answer, a request that came that way."""
    try:
        states = target_states(aws, region, key, sorted(ids))
    except ClientError as error:
        if code(error) not in NO_BALANCER:
            raise
        return {}
    return {i: found.state for i, found in states.items() if i in ids and found.state != "unused"}
