"""What each command does. starter.py only gives them names and options."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from console import render, tables
from console.codes import REFUSED_CODE, Stop
from console.follow import follow
from console.temporal import (
    READ_ONLY_LIMIT,
    RPC_TIMEOUT,
    ask,
    connect,
    describe,
    ended_badly,
    no_worker,
    query_status,
    stuck,
    task_queue,
    tell,
    trying_again,
)
from domain.errors import InvalidConfiguration
from domain.stacks_file import parse
from workflows.contract import PHASE, STACK, TAG, release_id

SWEEP_SCHEDULE = "ovenbird-sweep"


async def release(
    request: dict[str, Any], *, detach: bool, wait: bool, as_json: bool
) -> dict[str, Any]:
    client = await connect()
    stack, tag = request["stack"], request["tag"]
    try:
        handle = await client.start_workflow(
            "ReleaseWorkflow",
            request,
            id=release_id(stack),
            task_queue=task_queue(),
            rpc_timeout=RPC_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            static_summary=f"{tag} → {stack}",
        )
    except WorkflowAlreadyStartedError:
        raise await _locked(client, stack) from None
    if detach:
        return {
            "accepted": handle.id,
            "run": handle.first_execution_run_id,
            "follow": f"ovenbird watch {stack}",
        }
    return await follow(client, handle, render.choose_view(as_json=as_json), wait_for_approval=wait)


async def rollback(
    request: dict[str, Any], *, detach: bool, wait: bool, as_json: bool
) -> dict[str, Any]:
    client = await connect()
    stack = request["stack"]
    try:
        handle = await client.start_workflow(
            "RollbackWorkflow",
            request,
            id=release_id(stack),
            task_queue=task_queue(),
            rpc_timeout=RPC_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            static_summary=f"{stack} back to {request.get('to') or 'the previous one'}",
        )
    except WorkflowAlreadyStartedError:
        raise await _locked(client, stack) from None
    if detach:
        return {
            "accepted": handle.id,
            "run": handle.first_execution_run_id,
            "follow": f"ovenbird watch {stack}",
        }
    return await follow(client, handle, render.choose_view(as_json=as_json), wait_for_approval=wait)


async def adopt(request: dict[str, Any]) -> dict[str, Any]:
    """Under the stack's lock; it changes nothing but tags, so its end is waited for."""
    client = await connect()
    try:
        handle = await client.start_workflow(
            "AdoptWorkflow",
            request,
            id=release_id(request["stack"]),
            task_queue=task_queue(),
            rpc_timeout=RPC_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            static_summary=f"{request['stack']} adopts {request['group']}",
        )
    except WorkflowAlreadyStartedError:
        raise await _locked(client, request["stack"]) from None
    try:
        made: dict[str, Any] = await handle.result()
    except WorkflowFailureError as error:
        raise ended_badly(error) from None
    return made


async def bake(request: dict[str, Any], *, detach: bool, as_json: bool) -> dict[str, Any]:
    """Of a tag, or without one of what serves. Two at the same time share what they bake."""
    client = await connect()
    stack = request["stack"]
    what = request.get("tag") or "what serves"
    handle = await client.start_workflow(
        "ImageWorkflow",
        request,
        id=f"image-{stack}-{uuid.uuid4()}",
        task_queue=task_queue(),
        rpc_timeout=RPC_TIMEOUT,
        static_summary=f"an image of {what} for {stack}",
    )
    if detach:
        return {
            "accepted": handle.id,
            "run": handle.first_execution_run_id,
            "follow": f"temporal workflow show -w {handle.id} --follow",
        }
    return await follow(client, handle, render.choose_view(as_json=as_json))


async def schedule_bake(stack: str, minutes: float | None) -> dict[str, Any]:
    """Creates, replaces or (None) deletes the schedule that keeps the image of what serves as new as its base."""
    client = await connect()
    action = ScheduleActionStartWorkflow(
        "ImageWorkflow", {"stack": stack}, id=f"image-{stack}", task_queue=task_queue()
    )
    await _schedule(client, f"ovenbird-bake-{stack}", action, minutes)
    if minutes is None:
        return {"stack": stack, "answer": "no bake is scheduled any more"}
    return {
        "stack": stack,
        "answer": f"what serves is baked anew where its base image or recipe has changed, every {minutes:g} minutes",
    }


async def board(stack: str) -> list[dict[str, Any]]:
    """What a rollback could go back to, and the seconds that the last rollback to each took."""
    client = await connect()
    found: list[dict[str, Any]] = await ask(client, "CandidatesWorkflow", {"stack": stack})
    took: dict[str | None, float] = {}
    query = f"WorkflowId = '{release_id(stack)}' AND WorkflowType = 'RollbackWorkflow' AND ExecutionStatus = 'Completed'"
    async for run in client.list_workflows(query):
        if run.close_time:
            took.setdefault(
                run.typed_search_attributes.get(TAG),
                (run.close_time - run.start_time).total_seconds(),
            )
    return [candidate | {"seconds_last_time": took.get(candidate["tag"])} for candidate in found]


async def sweep(stack: str | None, *, apply: bool) -> list[dict[str, Any]]:
    """What was found in each stack, and what of it was cleared."""
    client = await connect()
    found: list[dict[str, Any]] = await ask(
        client,
        "SweepWorkflow",
        {"stack": stack, "dry_run": not apply},
        limit=None if apply else READ_ONLY_LIMIT,
    )
    return found


async def schedule_sweep(minutes: float | None, *, apply: bool) -> dict[str, Any]:
    """Creates, replaces or (None) deletes the schedule."""
    client = await connect()
    action = ScheduleActionStartWorkflow(
        "SweepWorkflow", {"dry_run": not apply}, id="sweep", task_queue=task_queue()
    )
    await _schedule(client, SWEEP_SCHEDULE, action, minutes)
    if minutes is None:
        return {"stack": "all stacks", "answer": "no sweep is scheduled any more"}
    return {
        "stack": "all stacks",
        "answer": f"swept every {minutes:g} minutes" + ("" if apply else ", as a dry run"),
    }


async def _schedule(
    client: Client, name: str, action: ScheduleActionStartWorkflow, minutes: float | None
) -> None:
    """In place of the one that there may be; none at all for None."""
    try:
        await client.get_schedule_handle(name).delete(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    if minutes is None:
        return
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=minutes))])
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP)
    await client.create_schedule(
        name, Schedule(action=action, spec=spec, policy=policy), rpc_timeout=RPC_TIMEOUT
    )


async def leftovers(stack: str, run_id: str | None) -> dict[str, Any]:
    """The ledger of a run, and of its bake: what was intended, made, deleted."""
    client = await connect()
    handle = client.get_workflow_handle(release_id(stack), run_id=run_id)
    try:
        description = await handle.describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            raise
        raise Stop(
            REFUSED_CODE,
            f"{stack} has no such run; its last one is shown by `ovenbird status {stack}`",
        ) from None
    known = await query_status(
        client.get_workflow_handle(description.id, run_id=description.run_id)
    )
    if known is None:
        raise no_worker("The ledger is kept by the run itself.")
    entries = [entry.model_dump() | {"of": known.workflow} for entry in known.ledger]
    if known.bake:
        bake = await query_status(client.get_workflow_handle(known.bake.workflow_id))
        entries += [entry.model_dump() | {"of": "bake"} for entry in bake.ledger] if bake else []
    ended = description.status.name.lower() if description.status else ""
    return {
        "stack": stack,
        "tag": known.tag,
        "run": description.run_id,
        "ended": ended,
        "ledger": entries,
    }


async def watch(stack: str, *, as_json: bool) -> dict[str, Any]:
    client = await connect()
    if await describe(client, release_id(stack)) is None:
        raise Stop(REFUSED_CODE, f"nothing was ever released to {stack}")
    return await follow(
        client, client.get_workflow_handle(release_id(stack)), render.choose_view(as_json=as_json)
    )


async def say(stack: str, word: str, by: str, reason: str, at: str = "") -> dict[str, Any]:
    return {"stack": stack, "answer": await tell(await connect(), stack, word, by, reason, at)}


async def status(stack: str | None, *, as_json: bool) -> dict[str, Any] | list[dict[str, Any]]:
    client = await connect()
    if stack is None:
        return await _all_running(client, as_json=as_json)
    description = await describe(client, release_id(stack))
    if description is None:
        raise Stop(REFUSED_CODE, f"nothing was ever released to {stack}")
    handle = client.get_workflow_handle(description.id, run_id=description.run_id)
    known = await query_status(handle)
    facts = _facts(description) | {
        "trying_again": trying_again(description),
        "stuck": await stuck(handle, description),
    }
    if known is not None:
        facts |= known.model_dump()
    elif description.status is not WorkflowExecutionStatus.RUNNING:
        facts |= await _outcome(handle)
    if not as_json:
        render.show_status(known, facts)
    return facts


async def plan(request: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = await ask(await connect(), "PlanWorkflow", request)
    return made


async def doctor(stack: str) -> list[dict[str, Any]]:
    """Temporal and a worker answer where this returns at all; the rest is what the worker found."""
    client = await connect()
    found: list[dict[str, Any]] = await ask(client, "DoctorWorkflow", {"stack": stack})
    answers = {
        "what": "Temporal",
        "found": f"{client.service_client.config.target_host}, namespace {client.namespace}",
        "problem": "",
    }
    return [answers, {"what": "worker", "found": f"polls {task_queue()}", "problem": ""}, *found]


async def diff(stack: str, was: str, now: str) -> dict[str, Any]:
    found: dict[str, Any] = await ask(
        await connect(), "DiffWorkflow", {"stack": stack, "was": was, "now": now}
    )
    return found


async def history(stack: str) -> list[dict[str, Any]]:
    deployments: list[dict[str, Any]] = await ask(
        await connect(), "HistoryWorkflow", {"stack": stack}
    )
    return deployments


def stacks(path: Path) -> list[dict[str, Any]]:
    """Stops with every mistake in the file."""
    try:
        found = parse(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(
            REFUSED_CODE,
            f"cannot read {path}: {error}; set OVENBIRD_STACKS to where the stacks file is",
        ) from None
    except InvalidConfiguration as error:
        raise Stop(REFUSED_CODE, str(error)) from None
    return [stack.model_dump(mode="json") for stack in found.values()]


async def _locked(client: Client, stack: str) -> Stop:
    """By whom, since when, and what to do."""
    holder = await describe(client, release_id(stack))
    facts = _facts(holder) if holder else {}
    known = await query_status(client.get_workflow_handle(release_id(stack)))
    who = known.requested_by if known and known.requested_by else "somebody"
    what = (known.phase if known else facts.get("phase") or "under way").replace("_", " ")
    since = f"{holder.start_time:%Y-%m-%d %H:%M:%S} UTC" if holder else "a moment ago"
    return Stop(
        REFUSED_CODE,
        f"{stack} is locked: {facts.get('tag') or 'a release'} is being released by {who} since {since} ({what}).\n"
        f"Follow it with `ovenbird watch {stack}`, or stop it with `ovenbird abort {stack}`.",
        holder=facts,
    )


async def _all_running(client: Client, *, as_json: bool) -> list[dict[str, Any]]:
    query = (
        "WorkflowType IN ('ReleaseWorkflow', 'RollbackWorkflow') AND ExecutionStatus = 'Running'"
    )
    rows = [
        {
            "stack": found.typed_search_attributes.get(STACK),
            "tag": found.typed_search_attributes.get(TAG),
            "phase": found.typed_search_attributes.get(PHASE),
            "since": found.start_time.isoformat(timespec="seconds"),
        }
        async for found in client.list_workflows(query)
    ]
    if not as_json:
        if not rows:
            print("nothing is being released")
        else:
            tables.table(["stack", "tag", "phase", "since"], [row.values() for row in rows])
    return rows


def _facts(description: WorkflowExecutionDescription) -> dict[str, Any]:
    """As far as Temporal's own description goes: it needs no worker."""
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


async def _outcome(handle: Any) -> dict[str, Any]:
    try:
        return {"outcome": str(await handle.result())}
    except WorkflowFailureError as error:
        return {"outcome": ended_badly(error).words}
