"""Classic balancers: their instances are checked and drained as a target group's are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcloud import pages
from localcloud.group_rules import require_group
from localcloud.patches import Original, corrects, replaces
from localcloud.pools import Pool, pool_key
from localcloud.region import find_instance
from localcloud.targets import Targets
from localcloud.upstream import AutoscalingClientError, ELBClientError, FakeHealthCheck, backend

_ELB = "moto.elb.models:ELBBackend."
_AUTOSCALING = "moto.autoscaling.models:AutoScalingBackend."
PROTOCOLS = ("HTTP", "TCP")
_FAILED = (
    "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."
)
# What a target's state is called here: state, reason code, description.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/ts-elb-healthcheck.html
WORDS = {
    "healthy": ("InService", "N/A", "N/A"),
    "initial": ("OutOfService", "ELB", "Instance registration is still in progress."),
    "unhealthy": ("OutOfService", "Instance", _FAILED),
    "draining": ("InService", "N/A", "Instance deregistration currently in progress."),
    None: (
        "OutOfService",
        "Instance",
        "Instance is not currently registered with the LoadBalancer.",
    ),
}


class Classic:
    def __init__(self, targets: Targets, next_address: Callable[[], str]) -> None:
        self.pools: dict[str, Pool] = {}
        self._targets = targets
        self._next_address = next_address
        targets.more_groups = self.pools

    @corrects(
        _ELB + "create_load_balancer",
        "The DNS name is an address on which the balancer listens; zones follow from subnets.",
        pages.elb("CreateLoadBalancer"),
    )
    def create(
        self,
        original: Original,
        elb: Any,
        name: str,
        zones: list[str],
        ports: list[dict[str, Any]],
        *more: Any,
        **named: Any,
    ) -> Any:
        _require_known(ports)
        made = original(elb, name, zones, ports, *more, **named)
        made.dns_name = self._next_address()
        network = backend("ec2", elb.region_name)
        made.availability_zones = sorted(
            {network.get_subnet(subnet).availability_zone for subnet in made.subnets}
        )
        # Until one is configured:
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-healthchecks.html
        made.health_check = FakeHealthCheck(
            timeout="5",
            healthy_threshold="10",
            unhealthy_threshold="2",
            interval="30",
            target=f"TCP:{made.listeners[0].instance_port}",
        )
        pool = Pool(elb.region_name, made, self._targets)
        self.pools[pool.arn] = pool
        return made

    @corrects(
        _ELB + "delete_load_balancer",
        "The instances of a deleted balancer are deregistered.",
        pages.elb("DeleteLoadBalancer"),
    )
    def delete(self, original: Original, elb: Any, load_balancer_name: str) -> None:
        original(elb, load_balancer_name)
        if pool := self.pools.pop(pool_key(elb.region_name, load_balancer_name), None):
            self._targets.deregister(pool.arn, list(pool.targets))

    @corrects(
        _ELB + "configure_health_check",
        "A check on another port than the traffic's is refused.",
        pages.elb("ConfigureHealthCheck"),
    )
    def configure(self, original: Original, elb: Any, load_balancer_name: str, **check: Any) -> Any:
        made = original(elb, load_balancer_name, **check)
        pool = self.pools[pool_key(elb.region_name, load_balancer_name)]
        if pool.checked_port != pool.port:
            raise NotImplementedError(
                f"a health check on the port {pool.checked_port}, and traffic to {pool.port}"
            )
        return made

    @replaces(
        _ELB + "describe_instance_health",
        "An instance's health is what its checks have found; moto says InService of all that run.",
        pages.elb("DescribeInstanceHealth"),
    )
    def describe_health(
        self, elb: Any, lb_name: str, instances: list[dict[str, str]]
    ) -> list[dict[str, Any]]:
        pool = self.pools.get(pool_key(elb.region_name, lb_name))
        if pool is None:
            elb.describe_load_balancers([lb_name])
            raise LookupError(f"the classic balancer {lb_name} has no pool")
        asked = [item["InstanceId"] for item in instances] or list(pool.targets)
        for instance_id in asked:
            instance = find_instance(instance_id)
            if instance is None or instance.state == "terminated":
                raise ELBClientError(
                    "InvalidInstance", f"Could not find EC2 instance {instance_id}."
                )
        return [
            {"InstanceId": target, "State": self._targets.state_or_draining(pool.arn, target)}
            for target in asked
        ]

    @corrects(
        "moto.elb.responses:ELBResponse.describe_instance_health",
        "A state has its reason code and description.",
        pages.elb("InstanceState"),
    )
    def put_in_words(self, original: Original, response: Any) -> Any:
        answer = original(response)
        for found in answer.result["InstanceStates"]:
            found["State"], found["ReasonCode"], found["Description"] = WORDS[found["State"]]
        return answer

    @corrects(
        _ELB + "register_instances",
        "A registered instance is out of service until its health checks pass.",
        pages.elb("RegisterInstancesWithLoadBalancer"),
    )
    def register(
        self,
        original: Original,
        elb: Any,
        load_balancer_name: str,
        instance_ids: Any,
        from_autoscaling: bool = False,
    ) -> Any:
        wanted = [{"Id": instance_id} for instance_id in instance_ids]
        self.pools[pool_key(elb.region_name, load_balancer_name)].register(wanted)
        return original(elb, load_balancer_name, instance_ids, from_autoscaling)

    @corrects(
        _ELB + "deregister_instances",
        "A deregistered instance drains.",
        pages.elb("DeregisterInstancesFromLoadBalancer"),
    )
    def deregister(
        self,
        original: Original,
        elb: Any,
        load_balancer_name: str,
        instance_ids: Any,
        from_autoscaling: bool = False,
    ) -> Any:
        self._targets.deregister(pool_key(elb.region_name, load_balancer_name), list(instance_ids))
        return original(elb, load_balancer_name, instance_ids, from_autoscaling)

    @replaces(
        _AUTOSCALING + "attach_load_balancers",
        "A group is attached to classic balancers that exist; members join when in service.",
        pages.autoscaling("AttachLoadBalancers"),
    )
    def attach(self, autoscaling: Any, group_name: str, load_balancer_names: list[str]) -> Any:
        group = require_group(autoscaling, group_name)
        region = autoscaling.region_name
        if missing := [
            name for name in load_balancer_names if pool_key(region, name) not in self.pools
        ]:
            raise AutoscalingClientError(
                "ValidationError",
                "Provided Load Balancers may not be valid. Please ensure they exist and try again:"
                f" {missing}",
            )
        known = group.load_balancer_names
        known.extend(name for name in load_balancer_names if name not in known)
        autoscaling.update_attached_target_groups(group_name)

    @replaces(
        _AUTOSCALING + "detach_load_balancers",
        "The members of a group drain from the classic balancers that it is detached from.",
        pages.autoscaling("DetachLoadBalancers"),
    )
    def detach(self, autoscaling: Any, group_name: str, load_balancer_names: list[str]) -> Any:
        group = require_group(autoscaling, group_name)
        known = group.load_balancer_names
        if missing := [name for name in load_balancer_names if name not in known]:
            raise AutoscalingClientError(
                "ValidationError",
                f"Trying to remove Load Balancers that are not part of the group: {missing}",
            )
        group.load_balancer_names = [name for name in known if name not in load_balancer_names]
        members = [member.instance.id for member in group.instance_states]
        for name in load_balancer_names:
            self._targets.deregister(pool_key(autoscaling.region_name, name), members)

    @replaces(
        _AUTOSCALING + "update_attached_elbs",
        "A member joins classic balancers as it joins target groups, when it is in service.",
        pages.autoscaling("AttachLoadBalancers"),
    )
    def update_balancers(self, autoscaling: Any, group_name: str) -> None:
        """Nothing: Groups registers the members with both."""


def joined(group: Any) -> list[str]:
    """What a group's members join: target groups by ARN, classic balancers by their pool's key."""
    region = group.autoscaling_backend.region_name
    names = group.load_balancer_names
    return [*group.target_group_arns, *(pool_key(region, name) for name in names)]


def _require_known(ports: list[dict[str, Any]]) -> None:
    """Raises NotImplementedError for listeners that the data plane does not carry."""
    protocols = [port.get("Protocol", "") for port in ports]
    if unknown := [protocol for protocol in protocols if protocol.upper() not in PROTOCOLS]:
        raise NotImplementedError(
            f"{unknown} listeners: the local cloud's balancer carries {PROTOCOLS}"
        )
    if len({str(port["InstancePort"]) for port in ports}) > 1:
        raise NotImplementedError("listeners that go to different ports of an instance")
