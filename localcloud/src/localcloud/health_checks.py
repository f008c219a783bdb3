"""Checks every registered target, each when it is due, for as long as the region lives."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Mapping
from typing import Any, Protocol

from localcloud.probe import Check, probe
from localcloud.region import Region
from localcloud.upstream import backends

LOOK = 0.02
# A dead target refuses at once; a busy laptop must not make a live one look dead.
FASTEST_CHECK, FASTEST_RECHECK, FASTEST_TIMEOUT = 0.05, 0.25, 2


class Checked(Protocol):
    """The targets: `checks` by target group's ARN and target, `more_groups` that moto has not."""

    region: Region
    checks: dict[tuple[str, str], Check]
    more_groups: Mapping[str, Any]

    def changed(self) -> None: ...


class HealthChecks:
    def __init__(self, targets: Checked) -> None:
        self._targets = targets
        self._region = targets.region
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        threading.Thread(
            target=lambda: self._loop.run_until_complete(self._check_for_ever()), daemon=True
        ).start()

    async def _check_for_ever(self) -> None:
        while True:
            for group, check in self._due():
                check.busy = True
                self._tasks.add(task := asyncio.create_task(self._check(group, check)))
                task.add_done_callback(self._checked)
            await asyncio.sleep(LOOK)

    def _due(self) -> list[tuple[Any, Check]]:
        """Under the lock: a balancer that is made meanwhile would end this loop, and all checks."""
        targets = self._targets
        with self._region.lock:
            groups = [
                group
                for elb in backends("elbv2")
                for group in elb.target_groups.values()
                if group.targets and elb._any_listener_using(group.arn)
            ]
            groups += [group for group in targets.more_groups.values() if group.targets]
            known = [
                (group, targets.checks.get((group.arn, target)))
                for group in groups
                for target in group.targets
            ]
        now = time.monotonic()
        return [
            (group, check)
            for group, check in known
            if check and not check.busy and now >= check.due
        ]

    def _checked(self, task: asyncio.Task[None]) -> None:
        """A check that broke is printed: its target is not looked at again."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            traceback.print_exception(error)

    async def _check(self, group: Any, check: Check) -> None:
        scale = self._region.delays.scale
        if check.state == "initial":
            check.reason = "Elb.InitialHealthChecking"
        result = await probe(
            check.address,
            check.port,
            None if group.health_check_protocol == "TCP" else group.health_check_path or "/",
            str((getattr(group, "matcher", None) or {}).get("HttpCode", "200")),
            max(FASTEST_TIMEOUT, float(group.health_check_timeout_seconds) * scale),
        )
        state_before = check.state
        check.note(result, group)
        fastest = FASTEST_RECHECK if check.state == "healthy" else FASTEST_CHECK
        interval = max(fastest, float(group.health_check_interval_seconds) * scale)
        check.due, check.busy = time.monotonic() + interval, False
        if check.state != state_before:
            self._targets.changed()
