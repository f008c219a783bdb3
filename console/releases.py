"""The commands that hold the lock of a stack, and the one that follows them."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from console.codes import REFUSED_CODE, Stop
from console.follow import follow
from console.runs import temporal_facts
from console.temporal import RPC_TIMEOUT, connect, describe, ended_badly, query_status
from console.views import choose_view
from ovenbird.settings import task_queue
from workflows.contract import release_id

PRUNE = "PruneWorkflow"
# Seconds: a prune ends when its call in flight does.
PRUNE_ENDS_WITHIN = 60.0


async def release(
    request: dict[str, Any], *, detach: bool, wait: bool, as_json: bool
) -> dict[str, Any]:
    summary = f"{request['tag']} → {request['stack']}"
    return await start_and_follow(
        "ReleaseWorkflow", request, summary, detach=detach, wait=wait, as_json=as_json
    )


async def rollback(
    request: dict[str, Any], *, detach: bool, wait: bool, as_json: bool
) -> dict[str, Any]:
    await _abort_prune(await connect(), request)
    summary = f"{request['stack']} back to {request.get('to') or 'the previous one'}"
    return await start_and_follow(
        "RollbackWorkflow", request, summary, detach=detach, wait=wait, as_json=as_json
    )


async def adopt(request: dict[str, Any]) -> dict[str, Any]:
    """It changes nothing but tags and takes seconds, so there is nothing to follow."""
    client = await connect()
    summary = f"{request['stack']} adopts {request['group']}"
    handle = await _start(client, "AdoptWorkflow", request, summary)
    try:
        adopted: dict[str, Any] = await handle.result()
    except WorkflowFailureError as error:
        raise ended_badly(error) from None
    return adopted


async def watch(stack: str, *, as_json: bool) -> dict[str, Any]:
    client = await connect()
    if await describe(client, release_id(stack)) is None:
        raise Stop(REFUSED_CODE, f"nothing was ever released to {stack}")
    handle = client.get_workflow_handle(release_id(stack))
    return await follow(client, handle, choose_view(as_json=as_json))


async def start_and_follow(
    workflow: str,
    request: dict[str, Any],
    summary: str,
    *,
    detach: bool,
    wait: bool,
    as_json: bool,
) -> dict[str, Any]:
    client = await connect()
    handle = await _start(client, workflow, request, summary)
    if detach:
        return {
            "accepted": handle.id,
            "run": handle.first_execution_run_id,
            "follow": f"ovenbird watch {request['stack']}",
        }
    return await follow(client, handle, choose_view(as_json=as_json), wait_for_approval=wait)


async def _abort_prune(client: Client, request: dict[str, Any]) -> None:
    """A rollback is urgent, and a prune is not: it gives the lock back, and the rest stays."""
    holder = await describe(client, release_id(request["stack"]))
    running = holder is not None and holder.status is WorkflowExecutionStatus.RUNNING
    if holder is None or not running or holder.workflow_type != PRUNE:
        return
    prune = client.get_workflow_handle(holder.id, run_id=holder.run_id)
    message = {"by": request["requested_by"], "reason": "a rollback needs the lock"}
    print(f"{request['stack']}: a prune holds the lock, and is aborted", file=sys.stderr)
    try:
        await prune.signal("abort_and_roll_back", message, rpc_timeout=RPC_TIMEOUT)
        await asyncio.wait_for(prune.result(), PRUNE_ENDS_WITHIN)
    except WorkflowFailureError:
        return
    except TimeoutError:
        raise await _locked(client, request["stack"]) from None
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def _start(
    client: Client, workflow: str, request: dict[str, Any], summary: str
) -> WorkflowHandle[Any, Any]:
    """Stops with who holds the lock, where another run of this stack is under way."""
    stack = request["stack"]
    try:
        return await client.start_workflow(
            workflow,
            request,
            id=release_id(stack),
            task_queue=task_queue(),
            rpc_timeout=RPC_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            static_summary=summary,
        )
    except WorkflowAlreadyStartedError:
        raise await _locked(client, stack) from None


async def _locked(client: Client, stack: str) -> Stop:
    """By whom, since when, and what to do."""
    holder = await describe(client, release_id(stack))
    facts = temporal_facts(holder) if holder else {}
    status = await query_status(client.get_workflow_handle(release_id(stack)))
    who = status.requested_by if status and status.requested_by else "somebody"
    doing = _doing(holder.workflow_type if holder else "", facts.get("tag"))
    phase = (status.phase if status else facts.get("phase") or "under way").replace("_", " ")
    since = f"{holder.start_time:%Y-%m-%d %H:%M:%S} UTC" if holder else "a moment ago"
    return Stop(
        REFUSED_CODE,
        f"{stack} is locked: {doing} by {who} since {since} ({phase}).\n"
        f"Follow it with `ovenbird watch {stack}`, or stop it with `ovenbird abort {stack}`.",
        holder=facts,
    )


def _doing(workflow: str, tag: str | None) -> str:
    others = {
        PRUNE: "old deployments are being pruned",
        "SweepStackWorkflow": "what terminated releases have left is being cleared",
        "AdoptWorkflow": "a group is being adopted",
    }
    return others.get(workflow, f"{tag or 'a release'} is being released")
