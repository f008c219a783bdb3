"""Every activity says that it lives, so that a killed worker is noticed in seconds, whatever the activity does."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

INTERVAL = 0.7


class HeartbeatInterceptor(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 (the SDK's own name)
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 (the SDK's own name)
        beating = asyncio.create_task(_beat(threaded=input.executor is not None))
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()


async def _beat(*, threaded: bool) -> None:
    """A threaded activity's heartbeat waits for the event loop: called on the loop itself it would stop the whole worker."""
    while True:
        await asyncio.sleep(INTERVAL)
        if threaded:
            await asyncio.to_thread(activity.heartbeat)
        else:
            activity.heartbeat()
