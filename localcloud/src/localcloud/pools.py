"""The instances of one classic balancer, in the form of a target group."""

from __future__ import annotations

from typing import Any

from localcloud.region import find_instance
from localcloud.targets import Targets


def pool_key(region: str, balancer_name: str) -> str:
    """In place of a target group's ARN; unique over regions."""
    return f"classic/{region}/{balancer_name}"


class Pool:
    """`arn` and the names of the other properties are a target group's."""

    def __init__(self, region: str, balancer: Any, targets: Targets) -> None:
        self.balancer = balancer
        self.arn = pool_key(region, balancer.name)
        self.targets: dict[str, dict[str, Any]] = {}
        self._targets = targets

    @property
    def port(self) -> int:
        """Of the first listener's instances; the instances of all listeners are checked there."""
        return int(self.balancer.listeners[0].instance_port)

    @property
    def checked_port(self) -> int:
        return int(self._port_and_path[0])

    @property
    def health_check_protocol(self) -> str:
        return str(self.balancer.health_check.target.partition(":")[0])

    @property
    def health_check_path(self) -> str:
        return self._port_and_path[1]

    @property
    def health_check_timeout_seconds(self) -> int:
        return int(self.balancer.health_check.timeout)

    @property
    def health_check_interval_seconds(self) -> int:
        return int(self.balancer.health_check.interval)

    @property
    def healthy_threshold_count(self) -> int:
        return int(self.balancer.health_check.healthy_threshold)

    @property
    def unhealthy_threshold_count(self) -> int:
        return int(self.balancer.health_check.unhealthy_threshold)

    @property
    def attributes(self) -> dict[str, str]:
        given = self.balancer.attributes["connection_draining"]
        # moto keeps what was asked in AWS's spelling, and its own defaults in lower case.
        enabled = str(given.get("Enabled", given.get("enabled"))).lower() == "true"
        timeout = given.get("Timeout") or given.get("timeout") or 300
        return {"deregistration_delay.timeout_seconds": str(timeout) if enabled else "0"}

    def register(self, wanted: list[dict[str, Any]]) -> None:
        for target in wanted:
            self.targets[target["Id"]] = {"Port": self.port}
        instances = {target["Id"]: find_instance(target["Id"]) for target in wanted}
        self._targets.enter(self.arn, self.port, instances)

    @property
    def _port_and_path(self) -> tuple[str, str]:
        port, slash, path = self.balancer.health_check.target.partition(":")[2].partition("/")
        return port, slash + path
