"""What the parts of a region share: its lock, its clock, its machines, its faults."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from localcloud.faults import Faults
from localcloud.lease import Lease
from localcloud.machines import Machine
from localcloud.settings import Settings
from localcloud.upstream import backends

TICK = 0.02
# AWS shows a terminated instance for about an hour; a minute keeps the describe calls fast.
REMEMBER_TERMINATED = 60


class Region:
    """`lock` makes each API request and each tick atomic: moto's own requests are not."""

    def __init__(self, settings: Settings, lease: Lease) -> None:
        self.settings = settings
        self.delays = settings.delays
        self.lock = threading.RLock()
        self.faults = Faults()
        self.lease = lease
        self.machines: dict[str, Machine] = {}
        # Of the API; known once it listens.
        self.endpoint = ""
        self.workers = ThreadPoolExecutor(8, thread_name_prefix="boot")
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._every_tick: list[Callable[[], None]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="region", daemon=True)

    def environment_of(self, instance: str, aws_region: str) -> dict[str, str]:
        """Where AWS's own SDKs on that instance find its metadata, and AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{self.endpoint}/localcloud/metadata/{instance}",
            "AWS_REGION": aws_region,
        }

    def directory(self, *parts: str) -> Path:
        path = self.settings.home.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it under the lock, at the first tick after that many seconds."""
        with self.lock:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), action))

    def in_background(self, work: Callable[[], None]) -> None:
        """What takes real time, outside of the lock."""
        self.workers.submit(self.guarded, work)

    def every_tick(self, action: Callable[[], None]) -> None:
        self._every_tick.append(action)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        # A boot that goes on would start services after the halt: boots end first.
        self.workers.shutdown(cancel_futures=True)
        for machine in self.machines.values():
            machine.halt(grace=0)
        self.lease.kill_noted()

    def _run(self) -> None:
        while not self._stopping.wait(TICK):
            with self.lock:
                while self._due and self._due[0][0] <= time.monotonic():
                    self.guarded(heapq.heappop(self._due)[2])
                for action in self._every_tick:
                    self.guarded(action)

    @staticmethod
    def guarded(action: Callable[[], None]) -> None:
        """One broken part must not stop the region's clock: what broke is printed."""
        try:
            action()
        except Exception:  # noqa: BLE001 (it is printed, and the clock goes on)
            traceback.print_exc()


def find_instance(instance_id: str) -> Any:
    """Wherever it is, or None."""
    found = (ec2.get_instance_by_id(instance_id) for ec2 in backends("ec2"))
    return next((instance for instance in found if instance is not None), None)
