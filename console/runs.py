"""How a release stands, or stood: its status, its ledger, and which releases run."""

from __future__ import annotations

from typing import Any

from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode

from console.codes import REFUSED_CODE, Stop
from console.temporal import (
    RPC_TIMEOUT,
    connect,
    describe,
    ended_badly,
    no_worker,
    query_status,
    stuck,
    trying_again,
)
from domain.status import Status
from workflows.contract import PHASE, STACK, TAG, release_id


async def status(stack: str) -> dict[str, Any]:
    """Temporal's own facts, and what the release itself says where a worker answers."""
    client = await connect()
    description = await describe(client, release_id(stack))
    if description is None:
        raise Stop(REFUSED_CODE, f"nothing was ever released to {stack}")
    handle = client.get_workflow_handle(description.id, run_id=description.run_id)
    found = await query_status(handle)
    facts = temporal_facts(description) | {
        "trying_again": trying_again(description),
        "stuck": await stuck(handle, description),
    }
    if found is not None:
        return facts | found.model_dump()
    if description.status is not WorkflowExecutionStatus.RUNNING:
        facts["outcome"] = await _outcome(handle)
    return facts


async def running() -> list[dict[str, Any]]:
    client = await connect()
    query = (
        "WorkflowType IN ('ReleaseWorkflow', 'RollbackWorkflow', 'PruneWorkflow')"
        " AND ExecutionStatus = 'Running'"
    )
    return [
        {
            "stack": run.typed_search_attributes.get(STACK),
            "tag": run.typed_search_attributes.get(TAG),
            "phase": run.typed_search_attributes.get(PHASE),
            "since": run.start_time.isoformat(timespec="seconds"),
        }
        async for run in client.list_workflows(query)
    ]


async def leftovers(stack: str, run_id: str | None) -> dict[str, Any]:
    """The ledger of a run and of its bake: what was intended, made, deleted."""
    client = await connect()
    description = await _describe_run(client, stack, run_id)
    handle = client.get_workflow_handle(description.id, run_id=description.run_id)
    found = await query_status(handle)
    if found is None:
        raise no_worker("The ledger is kept by the run itself.")
    ledger = _entries(found, found.workflow)
    if found.bake:
        bake = await query_status(client.get_workflow_handle(found.bake.workflow_id))
        ledger += _entries(bake, "bake") if bake else []
    return {
        "stack": stack,
        "tag": found.tag,
        "run": description.run_id,
        "ended": description.status.name.lower() if description.status else "",
        "ledger": ledger,
    }


def temporal_facts(description: WorkflowExecutionDescription) -> dict[str, Any]:
    """What Temporal knows by itself: it needs no worker."""
    attributes = description.typed_search_attributes
    return {
        "workflow_id": description.id,
        "run_id": description.run_id,
        "stack": attributes.get(STACK),
        "tag": attributes.get(TAG),
        "phase": attributes.get(PHASE),
        "temporal_status": description.status.name if description.status else "",
        "started": description.start_time.isoformat(timespec="seconds"),
    }


def _entries(status: Status, of: str) -> list[dict[str, Any]]:
    return [entry.model_dump() | {"of": of} for entry in status.ledger]


async def _describe_run(
    client: Client, stack: str, run_id: str | None
) -> WorkflowExecutionDescription:
    handle = client.get_workflow_handle(release_id(stack), run_id=run_id)
    try:
        return await handle.describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            raise
        raise Stop(
            REFUSED_CODE,
            f"{stack} has no such run; its last one is shown by `ovenbird status {stack}`",
        ) from None


async def _outcome(handle: WorkflowHandle[Any, Any]) -> str:
    try:
        return str(await handle.result())
    except WorkflowFailureError as error:
        return ended_badly(error).words
