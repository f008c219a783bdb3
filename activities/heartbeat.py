"""Every activity heartbeats, so that Temporal notices a killed worker within seconds."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

INTERVAL = 0.7
# An activity's last progress details. Each heartbeat repeats them: it replaces earlier details.
_said: ContextVar[list[Any]] = ContextVar("said")


def progress(*details: Any) -> None:
    """For an activity on the event loop: Temporal shows `details` while the activity runs."""
    _said.get()[:] = details
    activity.heartbeat(*details)


class HeartbeatInterceptor(Interceptor):
    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 (the SDK's own name)
    ) -> ActivityInboundInterceptor:
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(
        self,
        input: ExecuteActivityInput,  # noqa: A002 (the SDK's own name)
    ) -> Any:
        said: list[Any] = []
        _said.set(said)
        beating = asyncio.create_task(_beat(said, threaded=input.executor is not None))
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()


async def _beat(said: list[Any], *, threaded: bool) -> None:
    """
    A threaded activity's heartbeat blocks until the event loop sends it.

    It runs in a thread: called on the event loop, it would block the whole worker.
    """
    while True:
        await asyncio.sleep(INTERVAL)
        if threaded:
            await asyncio.to_thread(activity.heartbeat)
        else:
            activity.heartbeat(*said)
