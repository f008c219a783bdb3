"""Target health from real checks: initial, healthy, unhealthy, draining, unused, as on AWS."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from localcloud import pages
from localcloud.health_checks import HealthChecks
from localcloud.patches import Original, corrects, replaces
from localcloud.probe import Check
from localcloud.region import Region
from localcloud.upstream import FakeHealthStatus, TargetGroupNotFoundError, backends

_GROUP = "moto.elbv2.models:FakeTargetGroup."
# Envoy learns from a file that a target has left: draining must not end before that.
FASTEST_DRAIN = 1
_DESCRIPTIONS = {
    "Elb.RegistrationInProgress": "Target registration is in progress",
    "Elb.InitialHealthChecking": "Initial health checks in progress",
    "Target.FailedHealthChecks": "Health checks failed",
    "Target.Timeout": "Request timed out",
    "Target.DeregistrationInProgress": "Target deregistration is in progress",
    "Target.NotInUse": "Target group is not configured to receive traffic from the load balancer",
    "Target.NotRegistered": "Target is not registered to the target group",
}


class Targets:
    """
    All registered targets, and those that drain.

    `changed` is called whenever the set of targets that may get traffic has changed.
    """

    def __init__(self, region: Region) -> None:
        self.region = region
        self.changed: Callable[[], None] = lambda: None
        self.checks: dict[tuple[str, str], Check] = {}
        # Until when it drains, and its port.
        self.draining: dict[tuple[str, str], tuple[float, int]] = {}
        # The fewest healthy targets of each target group since the watermark was cleared.
        self.least: dict[str, int] = {}
        # What is checked and drained like a target group, by a key like its ARN.
        self.more_groups: Mapping[str, Any] = {}
        self._health_checks = HealthChecks(self)
        region.every_tick(self._end_drains)
        region.every_tick(self._mark_least)

    def start(self) -> None:
        self._health_checks.start()

    @corrects(
        _GROUP + "register",
        "A registered target is initial until its health checks pass.",
        pages.elbv2("RegisterTargets"),
    )
    def register_targets(
        self, original: Original, group: Any, targets: list[dict[str, Any]]
    ) -> None:
        original(group, targets)
        for target in targets:
            known = {target["Id"]: group.ec2_backend.get_instance_by_id(target["Id"])}
            self.enter(group.arn, int(target.get("Port") or group.port), known)

    @replaces(
        _GROUP + "deregister",
        "A deregistered target drains for the deregistration delay.",
        pages.elbv2("DeregisterTargets"),
    )
    def deregister_targets(self, group: Any, targets: list[dict[str, Any]]) -> None:
        self.deregister(group.arn, [target["Id"] for target in targets])

    @replaces(
        _GROUP + "deregister_terminated_instances",
        "A terminated instance drains as any deregistered target does.",
        pages.elbv2("DeregisterTargets"),
    )
    def deregister_terminated(self, group: Any, instance_ids: list[str]) -> None:
        self.deregister(group.arn, instance_ids)

    @replaces(
        "moto.elbv2.models:ELBv2Backend.describe_target_health",
        "A target's health is what its checks have found.",
        pages.elbv2("DescribeTargetHealth"),
    )
    def describe_health(
        self, elb: Any, target_group_arn: str, targets: list[dict[str, Any]]
    ) -> Any:
        group = elb.target_groups.get(target_group_arn)
        if group is None:
            raise TargetGroupNotFoundError
        draining = [
            target
            for (draining_from, target) in self.draining
            if draining_from == target_group_arn and target not in group.targets
        ]
        ids = [target["Id"] for target in targets or []] or [*group.targets, *draining]
        return [self._describe(elb, group, target) for target in ids]

    def enter(self, arn: str, port: int, instances: Mapping[str, Any]) -> None:
        """From now on they are checked. `instances` by id; the id of None is its address."""
        for target, instance in instances.items():
            self.draining.pop((arn, target), None)
            address = instance.private_ip if instance else target
            self.checks.setdefault((arn, target), Check(address, port))
        self.changed()

    def register(self, arn: str, instances: list[Any]) -> None:
        group = self._group(arn)
        if group is None:
            return
        new = [one for one in instances if one.id not in group.targets and one.state == "running"]
        if new:
            group.register([{"Id": instance.id} for instance in new])

    def deregister(self, arn: str, ids: list[str]) -> float:
        """Out of rotation at once; how many seconds here until the deregistration delay is over."""
        group = self._group(arn)
        if group is None:
            return 0
        delay = float(group.attributes["deregistration_delay.timeout_seconds"])
        wait = max(FASTEST_DRAIN, delay * self.region.delays.scale) if delay else 0
        present = [target for target in ids if target in group.targets]
        for target in present:
            port = group.targets.pop(target)["Port"]
            check = self.checks.pop((arn, target), None)
            # What was never in rotation has nothing in flight: AWS ends its draining early.
            if check and check.state != "initial":
                self.draining[(arn, target)] = (time.monotonic() + wait, int(port))
        if present:
            self.changed()
        return wait if present else 0

    def state(self, arn: str, target: str) -> str | None:
        check = self.checks.get((arn, target))
        return check.state if check else None

    def state_or_draining(self, arn: str, target: str) -> str | None:
        return "draining" if (arn, target) in self.draining else self.state(arn, target)

    def in_rotation(self, arn: str) -> list[Check]:
        """
        The healthy ones.

        When there is none, a target group fails open to all; a classic balancer answers 503.
        """
        checks = [check for (group, _), check in list(self.checks.items()) if group == arn]
        healthy = [check for check in checks if check.state == "healthy"]
        return healthy or ([] if arn in self.more_groups else checks)

    def capacity(self) -> dict[str, dict[str, int]]:
        """Healthy targets by target group: now, and the fewest since the watermark was cleared."""
        return {
            arn: {"healthy": count, "least": self.least.get(arn, count)}
            for arn, count in self._healthy().items()
        }

    def _mark_least(self) -> None:
        for arn, count in self._healthy().items():
            self.least[arn] = min(count, self.least.get(arn, count))

    def _healthy(self) -> dict[str, int]:
        arns = (arn for elb in backends("elbv2") for arn in elb.target_groups)
        counts = dict.fromkeys(arns, 0)
        for (arn, _), check in list(self.checks.items()):
            counts[arn] = counts.get(arn, 0) + (check.state == "healthy")
        return counts

    def _group(self, arn: str) -> Any:
        if arn in self.more_groups:
            return self.more_groups[arn]
        groups = (elb.target_groups.get(arn) for elb in backends("elbv2"))
        return next((group for group in groups if group is not None), None)

    def _end_drains(self) -> None:
        for key, (until, _) in list(self.draining.items()):
            if time.monotonic() >= until:
                del self.draining[key]

    def _describe(self, elb: Any, group: Any, target: str) -> Any:
        key, description = (group.arn, target), None
        port, state = group.port, "unused"
        reason: str | None = "Target.NotRegistered"
        if key in self.checks and target in group.targets:
            check = self.checks[key]
            port, description = check.port, check.description
            if elb._any_listener_using(group.arn):
                state, reason = check.state, check.reason
            else:
                reason = "Target.NotInUse"
        elif key in self.draining:
            port, state = self.draining[key][1], "draining"
            reason = "Target.DeregistrationInProgress"
        description = description or _DESCRIPTIONS.get(reason or "")
        return FakeHealthStatus(target, port, str(port), state, reason, description)
