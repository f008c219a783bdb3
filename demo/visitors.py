"""Visitors: requests through the balancer all the time, and which version answered them."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

# Seconds until the first answer.
READY_WITHIN = 10.0


@dataclass
class Tally:
    """`spans` holds the first and the last answer of each version, in seconds since the start."""

    sent: int = 0
    failed: int = 0
    versions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)


class Visitors:
    """
    A few visitors. Each sends its next request once it has its answer, at most `rate` a second.

    Every second visitor opens a new connection for each request; without `keep_alive` all do.
    The requests of the last visitor take 0.3 s where the application knows `?pause=`, so that one
    request is always in flight.
    """

    def __init__(
        self, address: str, *, count: int = 4, rate: float = 60, keep_alive: bool = True
    ) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._rate = rate
        self.tally = Tally()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._started = time.monotonic()
        self._visitors = [
            threading.Thread(
                target=self._ask,
                args=(
                    keep_alive and number % 2 == 0,
                    "/?pause=0.3" if number == count - 1 else "/",
                ),
                daemon=True,
            )
            for number in range(count)
        ]

    def __enter__(self) -> Self:
        self._until_it_answers()
        self._started = time.monotonic()
        for visitor in self._visitors:
            visitor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> Tally:
        self._stop.set()
        for visitor in self._visitors:
            visitor.join(timeout=20)
        return self.tally

    def _until_it_answers(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        problem = "not asked yet"
        while problem and time.monotonic() < deadline:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=5)
            _, problem = self._once(connection)
            connection.close()
            self._stop.wait(0.05)
        if problem:
            raise RuntimeError(f"http://{self._host}:{self._port} does not answer: {problem}")

    def _ask(self, keep_alive: bool, path: str) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=15)
        while not self._stop.wait(1 / self._rate):
            version, problem = self._once(connection, path)
            at = time.monotonic() - self._started
            with self._lock:
                self.tally.sent += 1
                if problem:
                    self.tally.failed += 1
                    self.tally.failures.append(f"{at:.2f} s: {problem}")
                else:
                    self.tally.versions[version] += 1
                    first, _ = self.tally.spans.get(version, (at, at))
                    self.tally.spans[version] = (first, at)
            if not keep_alive or problem:
                connection.close()
        connection.close()

    @staticmethod
    def _once(connection: http.client.HTTPConnection, path: str = "/") -> tuple[str, str]:
        """The version that answered, and the problem where there was one."""
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return "", f"{type(error).__name__}: {error}"
        if answer.status != http.client.OK:
            return "", f"{answer.status} {body[:80].decode(errors='replace')}"
        return answer.headers.get("X-Version", "?"), ""
