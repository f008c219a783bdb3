"""An open loop of requests: one is sent every so often, however long the others take."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

# Every fiftieth request takes so many seconds. That is shorter than the deregistration delay, as it
# should be with every target group. Every second request has its own connection.
SLOW_EVERY, SLOW = 50, 3.0
# Seconds after which a request has failed.
REQUEST_TIMEOUT = 30.0


@dataclass(frozen=True)
class Answer:
    """`at`: when it was sent, in seconds since the load began. A failure has no `version`."""

    at: float
    seconds: float
    version: str
    slow: bool
    problem: str = ""


@dataclass
class Load:
    address: str
    rate: float
    began: float = 0.0
    answers: list[Answer] = field(default_factory=list)

    @property
    def now(self) -> float:
        return time.monotonic() - self.began

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        """When this ends, every request has been answered or has failed."""
        stop = asyncio.Event()
        self.began = time.monotonic()
        runner = asyncio.create_task(self._send(stop))
        try:
            yield self
        finally:
            stop.set()
            await runner

    async def _send(self, stop: asyncio.Event) -> None:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
        kept, short = aiohttp.TCPConnector(limit=0), aiohttp.TCPConnector(limit=0, force_close=True)
        async with (
            aiohttp.ClientSession(connector=kept, timeout=timeout) as one,
            aiohttp.ClientSession(connector=short, timeout=timeout) as two,
        ):
            tasks: set[asyncio.Task[None]] = set()
            due = time.monotonic()
            for number in itertools.count():
                due += 1 / self.rate
                wait = due - time.monotonic()
                if wait > 0:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), wait)
                if stop.is_set():
                    break
                task = asyncio.create_task(
                    self._ask(one if number % 2 else two, slow=number % SLOW_EVERY == 0)
                )
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.gather(*tasks)

    async def _ask(self, session: aiohttp.ClientSession, *, slow: bool) -> None:
        at, started = self.now, time.monotonic()
        version = problem = ""
        try:
            async with session.get(
                f"{self.address}/?pause={SLOW}" if slow else self.address
            ) as answer:
                body = await answer.read()
                if answer.ok:
                    version = answer.headers.get("X-Version", "?")
                else:
                    problem = f"{answer.status} {body[:200]!r}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            problem = f"{type(error).__name__}: {error}"
        self.answers.append(Answer(at, time.monotonic() - started, version, slow, problem))
