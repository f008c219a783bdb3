"""Classic load balancers: their instances are checked and drained as a target group's are, and told of in their own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import AutoScalingBackend
from moto.ec2.models import ec2_backends
from moto.elb.exceptions import ELBClientError
from moto.elb.models import ELBBackend, FakeHealthCheck, LoadBalancer
from moto.elb.responses import ELBResponse

from localcloud.region import backend, correct, find_instance
from localcloud.targets import Targets

PROTOCOLS = ("HTTP", "TCP")
# What each state of a target is called here: state, reason code, description. https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/ts-elb-healthcheck.html
WORDS = {
    "healthy": ("InService", "N/A", "N/A"),
    "initial": ("OutOfService", "ELB", "Instance registration is still in progress."),
    "unhealthy": (
        "OutOfService",
        "Instance",
        "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
    ),
    "draining": ("InService", "N/A", "Instance deregistration currently in progress."),
    None: (
        "OutOfService",
        "Instance",
        "Instance is not currently registered with the LoadBalancer.",
    ),
}


class Pool:
    """Who is registered with one classic balancer, in the form of a target group. `arn` is unique over regions."""

    def __init__(self, region: str, balancer: LoadBalancer, targets: Targets) -> None:
        self.balancer = balancer
        self.arn = key(region, balancer.name)
        self.targets: dict[str, dict[str, Any]] = {}
        self._targets = targets

    @property
    def port(self) -> int:
        """Of the first listener's instances; all listeners' instances are checked at one port."""
        return int(self.balancer.listeners[0].instance_port)

    @property
    def _check(self) -> FakeHealthCheck:
        check: FakeHealthCheck = self.balancer.health_check
        return check

    @property
    def _checked(self) -> tuple[str, str]:
        """Port and path."""
        port, slash, path = self._check.target.partition(":")[2].partition("/")
        return port, slash + path

    @property
    def checked_port(self) -> int:
        return int(self._checked[0])

    @property
    def health_check_protocol(self) -> str:
        return str(self._check.target.partition(":")[0])

    @property
    def health_check_path(self) -> str:
        return self._checked[1]

    @property
    def health_check_timeout_seconds(self) -> int:
        return int(self._check.timeout)

    @property
    def health_check_interval_seconds(self) -> int:
        return int(self._check.interval)

    @property
    def healthy_threshold_count(self) -> int:
        return int(self._check.healthy_threshold)

    @property
    def unhealthy_threshold_count(self) -> int:
        return int(self._check.unhealthy_threshold)

    @property
    def attributes(self) -> dict[str, str]:
        given = self.balancer.attributes["connection_draining"]
        # Moto keeps what was asked for in AWS's spelling, and its own defaults in lower case.
        on = str(given.get("Enabled", given.get("enabled"))).lower() == "true"
        return {
            "deregistration_delay.timeout_seconds": str(
                given.get("Timeout") or given.get("timeout") or 300
            )
            if on
            else "0"
        }

    def register(self, wanted: list[dict[str, Any]]) -> None:
        for target in wanted:
            self.targets[target["Id"]] = {"Port": self.port}
        self._targets.enter(
            self.arn, self.port, {target["Id"]: find_instance(target["Id"]) for target in wanted}
        )


def key(region: str, name: str) -> str:
    return f"classic/{region}/{name}"


class Classic:
    def __init__(self, targets: Targets, address: Callable[[], str]) -> None:
        self.targets = targets
        self.pools: dict[str, Pool] = {}
        self._address = address

    def install(self) -> None:
        classic = self
        self.targets.more_groups = self.pools

        @correct(ELBBackend, "create_load_balancer")
        def create(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
            """Its DNS name is an address on which it really listens."""
            ports = kwargs.get("ports") or next(
                (a for a in args if isinstance(a, list) and a and isinstance(a[0], dict)), []
            )
            if unknown := [
                port["Protocol"]
                for port in ports
                if port.get("Protocol", "").upper() not in PROTOCOLS
            ]:
                raise NotImplementedError(
                    f"{unknown} listeners: the local cloud's balancer carries {PROTOCOLS}"
                )
            if len({str(port["InstancePort"]) for port in ports}) > 1:
                raise NotImplementedError("listeners that go to different ports of an instance")
            made = original(self, name, *args, **kwargs)
            made.dns_name = classic._address()
            # Moto leaves out what follows from the subnets.
            network = backend(ec2_backends, self.region_name)
            made.availability_zones = sorted(
                {network.get_subnet(subnet).availability_zone for subnet in made.subnets}
            )
            # https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-healthchecks.html: until one is configured.
            target = f"TCP:{made.listeners[0].instance_port}"
            made.health_check = FakeHealthCheck(
                timeout="5",
                healthy_threshold="10",
                unhealthy_threshold="2",
                interval="30",
                target=target,
            )
            classic.pools[key(self.region_name, name)] = Pool(
                self.region_name, made, classic.targets
            )
            return made

        @correct(ELBBackend, "delete_load_balancer")
        def delete(original: Any, self: Any, name: str) -> None:
            original(self, name)
            if pool := classic.pools.pop(key(self.region_name, name), None):
                classic.targets.deregister(pool.arn, list(pool.targets))

        @correct(ELBBackend, "configure_health_check")
        def configure(original: Any, self: Any, load_balancer_name: str, **kwargs: Any) -> Any:
            made = original(self, load_balancer_name, **kwargs)
            pool = classic.pools[key(self.region_name, load_balancer_name)]
            if pool.checked_port != pool.port:
                raise NotImplementedError(
                    f"a health check on the port {pool.checked_port}, and traffic to {pool.port}"
                )
            return made

        def describe_health(
            self: Any, name: str, instances: list[dict[str, str]]
        ) -> list[dict[str, Any]]:
            pool = classic.pools.get(key(self.region_name, name))
            if pool is None:
                self.describe_load_balancers([name])
                raise LookupError(f"the classic balancer {name} has no pool")
            asked = [item["InstanceId"] for item in instances] or list(pool.targets)
            if unknown := [
                i
                for i in asked
                if (known := find_instance(i)) is None or known.state == "terminated"
            ]:
                raise ELBClientError(
                    "InvalidInstance", f"Could not find EC2 instance {unknown[0]}."
                )
            return [
                {"InstanceId": i, "State": classic.targets.state_of(pool.arn, i)} for i in asked
            ]

        ELBBackend.describe_instance_health = describe_health

        @correct(ELBResponse, "describe_instance_health")
        def in_words(original: Any, self: Any) -> Any:
            """Moto says InService of every instance that runs."""
            answered = original(self)
            for found in answered.result["InstanceStates"]:
                found["State"], found["ReasonCode"], found["Description"] = WORDS[found["State"]]
            return answered

        @correct(ELBBackend, "register_instances")
        def register(
            original: Any, self: Any, name: str, ids: Any, from_autoscaling: bool = False
        ) -> Any:
            classic.pools[key(self.region_name, name)].register([{"Id": i} for i in ids])
            return original(self, name, ids, from_autoscaling)

        @correct(ELBBackend, "deregister_instances")
        def deregister(
            original: Any, self: Any, name: str, ids: Any, from_autoscaling: bool = False
        ) -> Any:
            classic.targets.deregister(key(self.region_name, name), list(ids))
            return original(self, name, ids, from_autoscaling)

        self._groups_join()

    def _groups_join(self) -> None:
        classic = self

        @correct(AutoScalingBackend, "attach_load_balancers")
        def attach(
            original: Any, self: Any, group_name: str, load_balancer_names: list[str]
        ) -> Any:
            group = _group(self, group_name)
            if missing := [
                name
                for name in load_balancer_names
                if key(self.region_name, name) not in classic.pools
            ]:
                raise AutoscalingClientError(
                    "ValidationError",
                    f"Provided Load Balancers may not be valid. Please ensure they exist and try again: {missing}",
                )
            group.load_balancer_names.extend(
                name for name in load_balancer_names if name not in group.load_balancer_names
            )
            self.update_attached_target_groups(group_name)

        @correct(AutoScalingBackend, "detach_load_balancers")
        def detach(
            original: Any, self: Any, group_name: str, load_balancer_names: list[str]
        ) -> Any:
            group = _group(self, group_name)
            if missing := [
                name for name in load_balancer_names if name not in group.load_balancer_names
            ]:
                raise AutoscalingClientError(
                    "ValidationError",
                    f"Trying to remove Load Balancers that are not part of the group: {missing}",
                )
            group.load_balancer_names = [
                name for name in group.load_balancer_names if name not in load_balancer_names
            ]
            for name in load_balancer_names:
                classic.targets.deregister(
                    key(self.region_name, name),
                    [member.instance.id for member in group.instance_states],
                )

        # Who is in service joins with the target groups' members.
        AutoScalingBackend.update_attached_elbs = lambda _self, _name: None


def joined(group: Any) -> list[str]:
    """Everything that a group's members join: target groups by ARN, classic balancers by their pool's key."""
    region = group.autoscaling_backend.region_name
    return [*group.target_group_arns, *(key(region, name) for name in group.load_balancer_names)]


def _group(autoscaling: Any, name: str) -> Any:
    group = autoscaling.autoscaling_groups.get(name)
    if group is None:
        raise AutoscalingClientError("ValidationError", f"AutoScalingGroup name not found - {name}")
    return group
