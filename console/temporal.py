"""Talking to Temporal from a short-lived process: bounded calls, and words for everything that can be missing."""

from __future__ import annotations

import asyncio
import os
import uuid
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError
from temporalio.exceptions import TimeoutError as WorkflowTimeoutError
from temporalio.service import RPCError, RPCStatusCode

from console.codes import BY_TYPE, FAILED, REFUSED_CODE, Stop
from domain.errors import NotReady
from domain.status import Status
from workflows.contract import DATA_CONVERTER, TASK_QUEUE, release_id

RPC_TIMEOUT = timedelta(seconds=5)
PATIENCE_WITHOUT_WORKER = 10.0
NOT_BEGUN = 2
READ_ONLY_LIMIT = timedelta(minutes=2)


def task_queue() -> str:
    return os.environ.get("OVENBIRD_TASK_QUEUE", TASK_QUEUE)


async def connect() -> Client:
    """From Temporal's standard environment configuration. Stops with words where no server answers."""
    try:
        config = ClientConfig.load_client_connect_config()
    except RuntimeError as error:
        raise Stop(
            FAILED, f"Temporal's environment configuration cannot be used: {error}"
        ) from None
    address = config.get("target_host") or "localhost:7233"
    try:
        connecting = Client.connect(
            **{"target_host": address} | config, data_converter=DATA_CONVERTER
        )
        return await asyncio.wait_for(connecting, PATIENCE_WITHOUT_WORKER)
    except (RuntimeError, ValueError, TimeoutError):
        raise Stop(
            FAILED,
            f"no Temporal server answers at {address}.\nSet TEMPORAL_ADDRESS or TEMPORAL_PROFILE, or start one: temporal server start-dev",
        ) from None


async def picked_up(handle: WorkflowHandle[Any, Any]) -> bool:
    """Has a worker begun with it? Until then its history is its start and a first task that waits."""
    return (await handle.describe(rpc_timeout=RPC_TIMEOUT)).history_length > NOT_BEGUN


def no_worker(what: str) -> Stop:
    return Stop(
        FAILED,
        f"no worker polls the task queue {task_queue()!r}. {what}\nStart one: python worker.py",
        reason="no worker",
    )


async def query_status(handle: WorkflowHandle[Any, Any]) -> Status | None:
    """None where no worker answers in time."""
    try:
        return Status.model_validate(await handle.query("status", rpc_timeout=RPC_TIMEOUT))
    except (WorkflowQueryFailedError, ValidationError) as error:
        raise Stop(FAILED, f"the release cannot say how it is: {error}") from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise
        return None


async def describe(client: Client, workflow_id: str) -> WorkflowExecutionDescription | None:
    """The newest run of this id; None where there was none."""
    try:
        return await client.get_workflow_handle(workflow_id).describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    except ValueError:
        raise Stop(
            FAILED,
            f"{workflow_id} is paused by the Temporal server itself; unpause it: temporal workflow unpause -w {workflow_id}",
        ) from None


def trying_again(description: WorkflowExecutionDescription) -> str:
    """What the activity under way failed with the last time, and how often it was tried; a look that says "not yet" is no try."""
    for activity in description.raw_description.pending_activities:
        failure = activity.last_failure
        if failure.application_failure_info.type == NotReady.__name__:
            return failure.message
        if activity.attempt > 1 and failure.message:
            return f"{activity.last_failure.message} (try {activity.attempt})"
    return ""


async def stuck(handle: WorkflowHandle[Any, Any], description: WorkflowExecutionDescription) -> str:
    """The message of the workflow task that keeps failing: a bug, which parks the release until fixed code runs."""
    if description.raw_description.pending_workflow_task.attempt <= 1:
        return ""
    message = ""
    async for event in handle.fetch_history_events():
        if event.HasField("workflow_task_failed_event_attributes"):
            message = event.workflow_task_failed_event_attributes.failure.message
    return message


async def ask(
    client: Client,
    workflow: str,
    request: dict[str, Any],
    limit: timedelta | None = READ_ONLY_LIMIT,
) -> Any:
    """Run a workflow that answers on a worker, within `limit`. Stops with what it was refused for, or after 10 s without a worker."""
    workflow_id = f"{workflow.removesuffix('Workflow').lower()}-{request.get('stack') or 'all'}-{uuid.uuid4()}"
    handle: WorkflowHandle[Any, Any] = await client.start_workflow(
        workflow,
        request,
        id=workflow_id,
        task_queue=task_queue(),
        execution_timeout=limit,
        rpc_timeout=RPC_TIMEOUT,
    )
    result = asyncio.create_task(handle.result())
    if not (await asyncio.wait([result], timeout=PATIENCE_WITHOUT_WORKER))[
        0
    ] and not await picked_up(handle):
        result.cancel()
        await handle.terminate("nobody could answer", rpc_timeout=RPC_TIMEOUT)
        raise no_worker("The question was withdrawn.")
    try:
        return await result
    except WorkflowFailureError as error:
        if isinstance(error.cause, WorkflowTimeoutError):
            raise no_worker(f"The question was not answered within {limit}.") from None
        raise ended_badly(error) from None


def ended_badly(error: WorkflowFailureError) -> Stop:
    """Exit code and words of a workflow that failed."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return Stop(
            BY_TYPE.get(cause.type or "", FAILED),
            cause.message,
            outcome=cause.type,
            details=list(cause.details),
        )
    return Stop(
        FAILED,
        f"it was ended from outside ({cause}): what it made may be left; `ovenbird sweep` shows it, and clears it with --apply",
    )


async def tell(client: Client, stack: str, word: str, by: str, reason: str, at: str = "") -> str:
    """An operator's word, answered. Where no worker can answer, it is left as a signal, which is never lost."""
    handle = client.get_workflow_handle(release_id(stack))
    message = {"by": by, "reason": reason} | ({"at": at} if at else {})
    try:
        return str(await handle.execute_update(word, message, rpc_timeout=timedelta(seconds=10)))
    except WorkflowUpdateFailedError as error:
        raise Stop(REFUSED_CODE, f"refused: {error.cause}") from None
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        pass
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise Stop(REFUSED_CODE, f"nothing is under way for {stack}") from None
        if error.status not in (
            RPCStatusCode.DEADLINE_EXCEEDED,
            RPCStatusCode.UNAVAILABLE,
            RPCStatusCode.CANCELLED,
        ):
            raise
    await handle.signal(word, message, rpc_timeout=RPC_TIMEOUT)
    return "kept: no worker answered within 10 s; it takes effect as soon as one does (python worker.py)"
