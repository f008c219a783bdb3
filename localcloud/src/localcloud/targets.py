"""Target health from real checks: initial, healthy, unhealthy, draining, unused, as AWS describes them."""

from __future__ import annotations

import asyncio
import re
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.elbv2.exceptions import TargetGroupNotFoundError
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeTargetGroup, elbv2_backends

from localcloud.region import Region, backends, correct

LOOK = 0.02
# What is dead refuses at once; a busy laptop must not make what lives look dead.
FASTEST_CHECK, FASTEST_RECHECK, FASTEST_TIMEOUT = 0.05, 0.25, 2
# The balancer's data plane learns from a file who has left; what drains must not end before it has, however fast time runs here.
FASTEST_DRAIN = 1
_REASONS = {
    "Elb.RegistrationInProgress": "Target registration is in progress",
    "Elb.InitialHealthChecking": "Initial health checks in progress",
    "Target.FailedHealthChecks": "Health checks failed",
    "Target.Timeout": "Request timed out",
    "Target.DeregistrationInProgress": "Target deregistration is in progress",
    "Target.NotInUse": "Target group is not configured to receive traffic from the load balancer",
    "Target.NotRegistered": "Target is not registered to the target group",
}


@dataclass
class Check:
    address: str
    port: int
    state: str = "initial"
    reason: str | None = "Elb.RegistrationInProgress"
    description: str | None = None
    passes: int = 0
    failures: int = 0
    due: float = 0
    busy: bool = False


class Targets:
    """All registered targets and those that drain. `changed` is called whenever who may get traffic has changed."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.changed: Callable[[], None] = lambda: None
        self.checks: dict[tuple[str, str], Check] = {}
        self.draining: dict[tuple[str, str], tuple[float, int]] = {}
        # The fewest healthy targets of each target group since the watermark was cleared.
        self.least: dict[str, int] = {}
        # What is checked and drained like a target group, by a key like its ARN.
        self.more_groups: Mapping[str, Any] = {}
        self._loop = asyncio.new_event_loop()

    def install(self) -> None:
        targets = self

        @correct(FakeTargetGroup, "register")
        def register(original: Any, self: Any, wanted: list[dict[str, Any]]) -> None:
            original(self, wanted)
            for target in wanted:
                known = {target["Id"]: self.ec2_backend.get_instance_by_id(target["Id"])}
                targets.enter(self.arn, int(target.get("Port") or self.port), known)

        @correct(FakeTargetGroup, "deregister")
        def deregister(original: Any, self: Any, gone: list[dict[str, Any]]) -> None:
            targets.deregister(self.arn, [target["Id"] for target in gone])

        @correct(FakeTargetGroup, "deregister_terminated_instances")
        def deregister_terminated(original: Any, self: Any, ids: list[str]) -> None:
            targets.deregister(self.arn, ids)

        @correct(ELBv2Backend, "describe_target_health")
        def describe(original: Any, self: Any, arn: str, wanted: list[dict[str, Any]]) -> Any:
            group = self.target_groups.get(arn)
            if group is None:
                raise TargetGroupNotFoundError
            ids = [target["Id"] for target in wanted or []] or [
                *group.targets,
                *(i for (of, i) in targets.draining if of == arn and i not in group.targets),
            ]
            return [targets._describe(self, group, target) for target in ids]

        self.region.every_tick(self._end_drains)
        self.region.every_tick(self._mark_least)

    def start(self) -> None:
        threading.Thread(
            target=lambda: self._loop.run_until_complete(self._check_for_ever()), daemon=True
        ).start()

    def enter(self, arn: str, port: int, instances: Mapping[str, Any]) -> None:
        """From now on they are checked. `instances` by id; what is none has its address for its id."""
        for target, instance in instances.items():
            self.draining.pop((arn, target), None)
            self.checks.setdefault(
                (arn, target), Check(instance.private_ip if instance else target, port)
            )
        self.changed()

    def register(self, arn: str, instances: list[Any]) -> None:
        group = self._group(arn)
        if group is None:
            return
        new = [i for i in instances if i.id not in group.targets and i.state == "running"]
        if new:
            group.register([{"Id": i.id} for i in new])

    def deregister(self, arn: str, ids: list[str]) -> float:
        """Takes them out of rotation at once; how many seconds here until the deregistration delay is over."""
        group = self._group(arn)
        if group is None:
            return 0
        delay = float(group.attributes["deregistration_delay.timeout_seconds"])
        wait = max(FASTEST_DRAIN, delay * self.region.delays.scale) if delay else 0
        present = [target for target in ids if target in group.targets]
        for target in present:
            port = group.targets.pop(target)["Port"]
            check = self.checks.pop((arn, target), None)
            # A target that was never in rotation has nothing in flight: AWS ends its draining early.
            if check and check.state != "initial":
                self.draining[(arn, target)] = (time.monotonic() + wait, int(port))
        if present:
            self.changed()
        return wait if present else 0

    def state(self, arn: str, target: str) -> str | None:
        check = self.checks.get((arn, target))
        return check.state if check else None

    def state_of(self, arn: str, target: str) -> str | None:
        """As `state`, and "draining" while it does."""
        return "draining" if (arn, target) in self.draining else self.state(arn, target)

    def in_rotation(self, arn: str) -> list[Check]:
        """The healthy ones. When none is, all of a target group's, since AWS fails open; a classic balancer answers 503."""
        checks = [check for (of, _), check in list(self.checks.items()) if of == arn]
        return [check for check in checks if check.state == "healthy"] or (
            [] if arn in self.more_groups else checks
        )

    def capacity(self) -> dict[str, dict[str, int]]:
        """Healthy targets per target group: now, and the fewest since the watermark was cleared."""
        now = self._healthy()
        return {
            arn: {"healthy": count, "least": self.least.get(arn, count)}
            for arn, count in now.items()
        }

    def _mark_least(self) -> None:
        for arn, count in self._healthy().items():
            self.least[arn] = min(count, self.least.get(arn, count))

    def _healthy(self) -> dict[str, int]:
        counts = dict.fromkeys(
            (arn for elb in backends(elbv2_backends) for arn in elb.target_groups), 0
        )
        for (arn, _), check in list(self.checks.items()):
            counts[arn] = counts.get(arn, 0) + (check.state == "healthy")
        return counts

    def _group(self, arn: str) -> Any:
        return self.more_groups.get(arn) or next(
            (
                elb.target_groups[arn]
                for elb in backends(elbv2_backends)
                if arn in elb.target_groups
            ),
            None,
        )

    def _end_drains(self) -> None:
        for key, (until, _) in list(self.draining.items()):
            if time.monotonic() >= until:
                del self.draining[key]

    def _describe(self, elb: Any, group: Any, target: str) -> Any:
        key = (group.arn, target)
        description = None
        if key in self.checks and target in group.targets:
            check = self.checks[key]
            port: Any = check.port
            state, reason, description = check.state, check.reason, check.description
            if not elb._any_listener_using(group.arn):
                state, reason = "unused", "Target.NotInUse"
        elif key in self.draining:
            port, state, reason = (
                self.draining[key][1],
                "draining",
                "Target.DeregistrationInProgress",
            )
        else:
            port, state, reason = group.port, "unused", "Target.NotRegistered"
        return FakeHealthStatus(
            target, port, str(port), state, reason, description or _REASONS.get(reason or "")
        )

    async def _check_for_ever(self) -> None:
        while True:
            for group, check in self._due():
                check.busy = True
                self._tasks.add(task := asyncio.create_task(self._check(group, check)))
                task.add_done_callback(self._checked)
            await asyncio.sleep(LOOK)

    def _due(self) -> list[tuple[Any, Check]]:
        """Under the lock: a balancer that is made meanwhile would end the looking, and with it all checks for ever."""
        with self.region.lock:
            used = [
                group
                for elb in backends(elbv2_backends)
                for group in elb.target_groups.values()
                if group.targets and elb._any_listener_using(group.arn)
            ] + [group for group in self.more_groups.values() if group.targets]
            known = [
                (group, self.checks.get((group.arn, target)))
                for group in used
                for target in group.targets
            ]
        return [
            (group, check)
            for group, check in known
            if check and not check.busy and time.monotonic() >= check.due
        ]

    _tasks: set[asyncio.Task[None]] = set()

    def _checked(self, task: asyncio.Task[None]) -> None:
        """A check that broke is shown where the region's operator looks: its target would never be looked at again."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            traceback.print_exception(error)

    async def _check(self, group: Any, check: Check) -> None:
        scale = self.region.delays.scale
        if check.state == "initial":
            check.reason = "Elb.InitialHealthChecking"
        path = None if group.health_check_protocol == "TCP" else group.health_check_path or "/"
        ok, reason, description = await probe(
            check.address,
            check.port,
            path,
            str((getattr(group, "matcher", None) or {}).get("HttpCode", "200")),
            max(FASTEST_TIMEOUT, float(group.health_check_timeout_seconds) * scale),
        )
        check.passes, check.failures = (check.passes + 1, 0) if ok else (0, check.failures + 1)
        before = check.state
        if ok and (check.state == "initial" or check.passes >= int(group.healthy_threshold_count)):
            check.state, check.reason, check.description = "healthy", None, None
        elif not ok and check.failures >= int(group.unhealthy_threshold_count or 2):
            check.state, check.reason, check.description = "unhealthy", reason, description
        fastest = FASTEST_RECHECK if check.state == "healthy" else FASTEST_CHECK
        interval = max(fastest, float(group.health_check_interval_seconds) * scale)
        check.due, check.busy = time.monotonic() + interval, False
        if check.state != before:
            self.changed()


async def probe(
    address: str, port: int, path: str | None, codes: str, within: float
) -> tuple[bool, str, str | None]:
    """One health check, over TCP alone without a path: passed?, AWS's reason code and description where not."""
    request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n"
    writer = None
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(address, port)
            if path is None:
                return True, "", None
            writer.write(request.encode())
            status = re.match(rb"HTTP/1\.[01] (\d+)", await reader.readline())
    except TimeoutError:
        return False, "Target.Timeout", None
    except OSError:
        return False, "Target.FailedHealthChecks", None
    finally:
        if writer:
            writer.close()
    if status is None:
        return False, "Target.FailedHealthChecks", None
    code = int(status.group(1))
    if _expected(code, codes):
        return True, "", None
    return False, "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]"


def _expected(code: int, codes: str) -> bool:
    for part in codes.split(","):
        low, _, high = part.partition("-")
        if int(low) <= code <= int(high or low):
            return True
    return False
