"""Checks before a release: the account's groups, the load balancers and their metrics."""

from __future__ import annotations

from activities.aws import Aws
from activities.classic import Classic
from activities.preflight_world import World
from domain import names
from domain.errors import InvalidRequest

# States of an instance refresh that has not ended.
_RUNS = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")


def quota(aws: Aws, world: World) -> str:
    """Asked once an hour while half of them are free, as no hour of releases uses them up."""
    there, most = world.remembered.answer(
        ("groups", world.stack.region),
        lambda: _groups(aws, world.stack.region),
        lambda known: known[0] * 2 <= known[1],
    )
    if there >= most:
        raise InvalidRequest(
            f"the account has {there} of {most} Auto Scaling groups: prune, or ask AWS for more"
        )
    return f"{there} of {most}"


def _groups(aws: Aws, region: str) -> tuple[int, int]:
    """How many there are, and how many there may be."""
    limits = aws.autoscaling(region).describe_account_limits()
    return (
        limits.get("NumberOfAutoScalingGroups", 0),
        limits.get("MaxNumberOfAutoScalingGroups", 0),
    )


def refresh(aws: Aws, world: World) -> str:
    if not world.blue:
        return "nothing serves yet"
    found = aws.autoscaling(world.stack.region).describe_instance_refreshes(
        AutoScalingGroupName=world.blue, MaxRecords=5
    )
    running = [
        known["InstanceRefreshId"]
        for known in found["InstanceRefreshes"]
        if known["Status"] in _RUNS
    ]
    if running:
        raise InvalidRequest(
            f"somebody refreshes the instances of {world.blue} ({running[0]}): "
            "let it end, or cancel it"
        )
    return "none"


def balancer_zones(aws: Aws, world: World) -> str:
    groups = world.target_groups
    zones = {group.name: set(group.zones) for group in groups if names.is_classic(group.arn)}
    if arns := sorted({arn for group in groups for arn in group.load_balancers}):
        for balancer in aws.elbv2(world.stack.region).describe_load_balancers(
            LoadBalancerArns=arns
        )["LoadBalancers"]:
            zones[balancer["LoadBalancerName"]] = {
                zone.get("ZoneName", "") for zone in balancer.get("AvailabilityZones", [])
            }
    for name, its in zones.items():
        if missing := sorted(world.zones - its):
            raise InvalidRequest(
                f"the load balancer {name} is not in {', '.join(missing)}: "
                "instances there would never be healthy"
            )
    return ", ".join(sorted(world.zones))


def draining(aws: Aws, world: World) -> str:
    """A target group always drains. A classic balancer drains where that is switched on."""
    balancers = [group.name for group in world.target_groups if names.is_classic(group.arn)]
    if not balancers:
        return "a target group's own"
    return Classic(aws).require_draining(world.stack.region, balancers, world.stack.timeouts.drain)


def requests(_: Aws, world: World) -> str:
    """
    A network load balancer has no metrics of requests.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html
    """
    wanted = ["scaling" for policy in world.stack.scaling if policy.metric == "requests"]
    wanted += ["watch"] if world.stack.watch.measures else []
    connections = [
        group.name for group in world.target_groups if not group.protocol.startswith("HTTP")
    ]
    if wanted and connections:
        raise InvalidRequest(
            f"the target group {connections[0]} counts connections, not requests: scale on "
            "cpu, and name alarms in watch.alarms in place of rates"
        )
    return ", ".join(wanted) or "nothing counts them"
