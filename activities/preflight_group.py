"""Checks before a release: the account's groups, the load balancers and their metrics."""

from __future__ import annotations

from activities.aws import Aws, chunks
from activities.balancers import MOST_DESCRIBED
from activities.checks import Check
from activities.draining import drainage
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
    zones: dict[str, set[str]] = {
        group.name: set(group.zones) for group in groups if names.is_classic(group.arn)
    }
    if arns := sorted({arn for group in groups for arn in group.load_balancers}):
        others: dict[str, set[str]] = world.remembered.answer(
            ("zones of balancers", *arns),
            lambda: _zones(aws, world.stack.region, arns),
            lambda known: all(world.zones <= its for its in known.values()),
        )
        zones |= others
    for name, its in zones.items():
        if missing := sorted(world.zones - its):
            raise InvalidRequest(
                f"the load balancer {name} is not in {', '.join(missing)}: "
                "instances there would never be healthy"
            )
    return ", ".join(sorted(world.zones))


def _zones(aws: Aws, region: str, arns: list[str]) -> dict[str, set[str]]:
    """By the balancer's name."""
    elb = aws.elbv2(region)
    found = [
        balancer
        for some in chunks(arns, MOST_DESCRIBED)
        for balancer in elb.describe_load_balancers(LoadBalancerArns=some)["LoadBalancers"]
    ]
    return {
        balancer["LoadBalancerName"]: {
            zone.get("ZoneName", "") for zone in balancer.get("AvailabilityZones", [])
        }
        for balancer in found
    }


def draining(aws: Aws, world: World) -> Check:
    """Of the target groups that blue is to leave, and of the classic balancers."""
    timeout = world.stack.timeouts.drain
    classics = [group.arn for group in world.target_groups if names.is_classic(group.arn)]
    found = drainage(aws, world.stack.region, classics or world.leaves)
    told = ", ".join(found.cuts)
    if classics and told:
        raise InvalidRequest(
            f"the classic load balancer {told} has connection draining off: "
            "requests in flight would be cut; switch it on"
        )
    if found.seconds > timeout:
        raise InvalidRequest(
            f"the load balancer drains for up to {found.seconds:.0f} s, and timeouts.drain is "
            f"{timeout:.0f} s: a drain would be given up too early"
        )
    return Check(
        what="connection draining", found=f"up to {found.seconds:.0f} s", warning=found.warning
    )


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
