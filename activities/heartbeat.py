"""Every activity says that it lives, so that a killed worker is noticed in seconds, whatever the activity does."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

INTERVAL = 0.7
# What an activity said last of how far it is: each beat repeats it, or the next beat would wipe it out.
_said: ContextVar[list[Any]] = ContextVar("said")


def progress(*details: Any) -> None:
    """For an activity on the event loop: what Temporal shows of it while it runs."""
    _said.get()[:] = details
    activity.heartbeat(*details)


class HeartbeatInterceptor(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 (the SDK's own name)
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 (the SDK's own name)
        said: list[Any] = []
        _said.set(said)
        beating = asyncio.create_task(_beat(said, threaded=input.executor is not None))
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()


async def _beat(said: list[Any], *, threaded: bool) -> None:
    """A threaded activity's heartbeat waits for the event loop: called on the loop itself it would stop the whole worker."""
    while True:
        await asyncio.sleep(INTERVAL)
        if threaded:
            await asyncio.to_thread(activity.heartbeat)
        else:
            activity.heartbeat(*said)
