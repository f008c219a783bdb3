"""An image without a release, at once or on a schedule."""

from __future__ import annotations

import uuid
from typing import Any

from temporalio.client import ScheduleActionStartWorkflow

from console.follow import follow
from console.schedules import replace_schedule
from console.temporal import RPC_TIMEOUT, connect
from console.views import choose_view
from ovenbird.settings import task_queue


async def bake(request: dict[str, Any], *, detach: bool, as_json: bool) -> dict[str, Any]:
    """Of a tag, or of what serves where there is none. Two of the same tag share one bake."""
    client = await connect()
    stack = request["stack"]
    handle = await client.start_workflow(
        "ImageWorkflow",
        request,
        id=f"image-{stack}-{uuid.uuid4()}",
        task_queue=task_queue(),
        rpc_timeout=RPC_TIMEOUT,
        static_summary=f"an image of {request.get('tag') or 'what serves'} for {stack}",
    )
    if detach:
        return {
            "accepted": handle.id,
            "run": handle.first_execution_run_id,
            "follow": f"temporal workflow show -w {handle.id} --follow",
        }
    return await follow(client, handle, choose_view(as_json=as_json))


async def schedule(stack: str, minutes: float | None) -> dict[str, Any]:
    """Create, replace or (None) delete the schedule that bakes what serves when it is stale."""
    client = await connect()
    action = ScheduleActionStartWorkflow(
        "ImageWorkflow", {"stack": stack}, id=f"image-{stack}", task_queue=task_queue()
    )
    await replace_schedule(client, f"ovenbird-bake-{stack}", action, minutes)
    if minutes is None:
        return {"stack": stack, "answer": "no bake is scheduled any more"}
    return {
        "stack": stack,
        "answer": f"every {minutes:g} minutes, what serves is baked again"
        " if its base image or its recipe has changed",
    }
