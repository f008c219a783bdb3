"""Faults on demand: which one, for which call or machine, how often?"""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field
from typing import Any

# Seen by the caller of the API.
API_KINDS = ("throttle", "error", "latency", "lost_reply", "late_reply", "reset", "hang")
# Seen in what the region does.
IMAGE_KINDS = ("image_failed", "image_invalid", "image_pending")
REGION_KINDS = ("insufficient_capacity", "boot_silent", "boot_errors", *IMAGE_KINDS, "stale")


MATCHABLE = {"caller", "service", "body", "subnet", "type", "tags", "id", "image", "name", "region"}


@dataclass
class Fault:
    """
    What happens, to which calls, how often.

    `action` and each value of `match` are regular expressions. `times` None means for ever. `skip`
    lets that many matching calls pass first, so that a test can hit the n-th. `seconds` is for
    latency, hang, late_reply (how long after the effect the connection is dropped) and stale (how
    long what was created is not shown).
    """

    kind: str
    action: str = ".*"
    match: dict[str, str] = field(default_factory=dict)
    times: int | None = 1
    skip: int = 0
    probability: float = 1
    seconds: float = 30
    code: str = "InternalError"
    status: int = 500
    healthy_paths: tuple[str, ...] = ("/health",)

    def __post_init__(self) -> None:
        if self.kind not in API_KINDS + REGION_KINDS:
            known = ", ".join(API_KINDS + REGION_KINDS)
            raise ValueError(f"no fault is called {self.kind!r}: there are {known}")
        try:
            for pattern in (self.action, *self.match.values()):
                re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        if unknown := set(self.match) - MATCHABLE:
            raise ValueError(
                f"a fault cannot match {', '.join(sorted(unknown))}:"
                f" there are {', '.join(sorted(MATCHABLE))}"
            )

    def fits(self, kinds: tuple[str, ...], action: str, facts: dict[str, str]) -> bool:
        return (
            self.kind in kinds
            and self.times != 0
            and re.fullmatch(self.action, action) is not None
            and all(re.search(pattern, facts.get(key, "")) for key, pattern in self.match.items())
        )


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def clear(self) -> None:
        with self._lock:
            self._faults = []

    def add(self, faults: list[dict[str, Any]]) -> None:
        parsed = [Fault(**fault) for fault in faults]
        with self._lock:
            self._faults += parsed

    def drop(self, caller: str) -> None:
        """Those that are for this caller alone."""
        with self._lock:
            self._faults = [fault for fault in self._faults if fault.match.get("caller") != caller]

    def listed(self) -> list[dict[str, Any]]:
        return [vars(fault) for fault in self._faults]

    def peek(self, kinds: tuple[str, ...], action: str, **facts: str) -> Fault | None:
        """The first fault that fits; it is not used up."""
        with self._lock:
            return next((fault for fault in self._faults if fault.fits(kinds, action, facts)), None)

    def take(self, kinds: tuple[str, ...], action: str, **facts: str) -> Fault | None:
        """The first fault that fits and strikes now; its count goes down by one."""
        with self._lock:
            for fault in self._faults:
                if not fault.fits(kinds, action, facts):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if random.random() >= fault.probability:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
