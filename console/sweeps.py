"""What releases that no longer run have left behind: find it, clear it, or schedule both."""

from __future__ import annotations

from typing import Any

from temporalio.client import ScheduleActionStartWorkflow

from console.schedules import replace_schedule
from console.temporal import READ_ONLY_LIMIT, ask, connect
from ovenbird.settings import task_queue

SCHEDULE = "ovenbird-sweep"


async def sweep(stack: str | None, *, apply: bool) -> list[dict[str, Any]]:
    """What was found in each stack, and what of it was cleared."""
    request = {"stack": stack, "dry_run": not apply}
    limit = None if apply else READ_ONLY_LIMIT
    found: list[dict[str, Any]] = await ask(await connect(), "SweepWorkflow", request, limit)
    return found


async def schedule(minutes: float | None, *, apply: bool) -> dict[str, Any]:
    """Create, replace or (None) delete the schedule."""
    client = await connect()
    action = ScheduleActionStartWorkflow(
        "SweepWorkflow", {"dry_run": not apply}, id="sweep", task_queue=task_queue()
    )
    await replace_schedule(client, SCHEDULE, action, minutes)
    words = f"swept every {minutes:g} minutes" if minutes else "no sweep is scheduled any more"
    dry_run = ", as a dry run" if minutes and not apply else ""
    return {"stack": "all stacks", "answer": words + dry_run}
