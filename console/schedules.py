"""Temporal schedules that start a workflow again and again."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.service import RPCError, RPCStatusCode

from console.codes import REFUSED_CODE, Stop
from console.temporal import RPC_TIMEOUT


async def replace_schedule(
    client: Client, name: str, action: ScheduleActionStartWorkflow, minutes: float | None
) -> None:
    """
    Delete the schedule of this name if there is one; create it anew unless `minutes` is None.

    Stops where no timer can count so many minutes.
    """
    try:
        every = timedelta(minutes=minutes or 0)
    except (OverflowError, ValueError):
        raise Stop(REFUSED_CODE, f"nothing can be repeated every {minutes} minutes") from None
    try:
        await client.get_schedule_handle(name).delete(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    if minutes is None:
        return
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)])
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP)
    await client.create_schedule(
        name, Schedule(action=action, spec=spec, policy=policy), rpc_timeout=RPC_TIMEOUT
    )
