"""Doors: every way by which users reach a stack. Who answers at each is asked all the time."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

# Requests a second at each door. Every second one has its own connection, every fifth takes SLOW.
RATE = 15.0
SLOW_EVERY, SLOW = 5, 0.3
REQUEST_TIMEOUT = 10.0
# Seconds after a failed request in which no connection is kept.
DOUBTFUL = 1.0
NOBODY = "nobody"


@dataclass(frozen=True)
class Answer:
    """`at` and `done` are of time.monotonic(). A failure has the version "nobody"."""

    door: str
    at: float
    done: float
    version: str
    problem: str = ""


@dataclass
class Doors:
    """`urls` of what users reach. A door that a meddler closes is asked no more."""

    urls: list[str]
    answers: list[Answer] = field(default_factory=list)
    # When each of those was closed, of time.monotonic().
    closed: dict[str, float] = field(default_factory=dict)
    # When a request at each of those failed last: kept connections to it may lead nowhere.
    _failed: dict[str, float] = field(default_factory=dict)
    _open: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[None]:
        """When this ends, every request has been answered or has failed."""
        kept = aiohttp.TCPConnector(limit=0)
        fresh = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
        async with (
            aiohttp.ClientSession(connector=kept, timeout=timeout) as one,
            aiohttp.ClientSession(connector=fresh, timeout=timeout) as two,
        ):
            self._sessions = (one, two)
            for url in self.urls:
                self.open(url)
            try:
                yield
            finally:
                for task in self._open.values():
                    task.cancel()
                await asyncio.gather(*self._open.values(), return_exceptions=True)

    def open(self, url: str) -> None:
        self._open[url] = asyncio.create_task(self._ask_again_and_again(url))

    def close(self, url: str) -> None:
        """From now on its answers do not count. It may be called from any thread."""
        self.closed[url] = time.monotonic()

    async def until_one_answers(self, within: float) -> None:
        """Raises TimeoutError where no door answers in time."""
        async with asyncio.timeout(within):
            while not any(answer.version != NOBODY for answer in self.answers):
                await asyncio.sleep(0.05)

    @property
    def open_ones(self) -> int:
        return len(self._open.keys() - self.closed.keys())

    def since(self, begin: float) -> list[Answer]:
        """What was asked from that moment on, while its door was open."""
        return [
            answer
            for answer in list(self.answers)
            if begin <= answer.at and answer.done < self.closed.get(answer.door, math.inf)
        ]

    async def _ask_again_and_again(self, url: str) -> None:
        number = 0
        pending: set[asyncio.Task[None]] = set()
        try:
            while url not in self.closed:
                task = asyncio.create_task(self._ask(url, number))
                pending.add(task)
                task.add_done_callback(pending.discard)
                number += 1
                await asyncio.sleep(1 / RATE)
        finally:
            await asyncio.gather(*pending)

    async def _ask(self, url: str, number: int) -> None:
        at, version, problem = time.monotonic(), NOBODY, ""
        slow = f"?pause={SLOW}" if number % SLOW_EVERY == 0 else ""
        try:
            doubtful = at - self._failed.get(url, -math.inf) < DOUBTFUL
            headers = {"Connection": "close"} if doubtful else {}
            async with self._sessions[number % 2].get(url + slow, headers=headers) as answer:
                if answer.ok:
                    await answer.read()
                    version = answer.headers.get("X-Version", "something else")
                else:
                    problem = f"{answer.status} {answer.reason}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            self._failed[url] = time.monotonic()
        self.answers.append(Answer(url, at, time.monotonic(), version, problem))


def who(answers: Iterable[Answer]) -> frozenset[str]:
    """The versions that answered, and "nobody" where a request failed."""
    return frozenset(answer.version for answer in answers)


def told(answers: Iterable[Answer]) -> str:
    """As "v1 38, nobody 12"."""
    counts = Counter(answer.version for answer in answers)
    return (
        ", ".join(f"{version} {count}" for version, count in sorted(counts.items()))
        or "nobody was asked"
    )
