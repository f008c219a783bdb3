"""Calls to Temporal from a short-lived process: each ends in time, and says what is missing."""

from __future__ import annotations

import asyncio
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
from ovenbird.settings import task_queue
from workflows.contract import DATA_CONVERTER, release_id

RPC_TIMEOUT = timedelta(seconds=5)
UPDATE_TIMEOUT = timedelta(seconds=10)
NO_WORKER_AFTER = 10.0
# Its start and a first task that waits: the history of a workflow that no worker has begun.
EVENTS_BEFORE_A_WORKER = 2
READ_ONLY_LIMIT = timedelta(minutes=2)
# FAILED_PRECONDITION: a bug in workflow code holds the release, and Temporal takes no update.
UNANSWERED = (
    RPCStatusCode.FAILED_PRECONDITION,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.CANCELLED,
    # A run that is continued as new at that moment takes no update, but signals.
    RPCStatusCode.RESOURCE_EXHAUSTED,
)


async def connect() -> Client:
    """By Temporal's standard environment configuration. Stops where no server answers."""
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
        return await asyncio.wait_for(connecting, NO_WORKER_AFTER)
    except (RuntimeError, ValueError, TimeoutError):
        raise Stop(
            FAILED,
            f"no Temporal server answers at {address}.\n"
            "Set TEMPORAL_ADDRESS or TEMPORAL_PROFILE, or start one: temporal server start-dev",
        ) from None


async def picked_up(handle: WorkflowHandle[Any, Any]) -> bool:
    """Has a worker begun it?"""
    return (await handle.describe(rpc_timeout=RPC_TIMEOUT)).history_length > EVENTS_BEFORE_A_WORKER


def no_worker(consequence: str) -> Stop:
    return Stop(
        FAILED,
        f"no worker polls the task queue {task_queue()!r}. {consequence}\n"
        "Start one: ovenbird-worker",
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
            f"{workflow_id} is paused by the Temporal server itself;"
            f" unpause it: temporal workflow unpause -w {workflow_id}",
        ) from None


def trying_again(description: WorkflowExecutionDescription) -> str:
    """
    The last failure of the activity under way, and how often it was tried.

    A poll that says "not ready" has failed too, but is no try.
    """
    for activity in description.raw_description.pending_activities:
        failure = activity.last_failure
        if failure.application_failure_info.type == NotReady.__name__:
            return failure.message
        if activity.attempt > 1 and failure.message:
            return f"{activity.last_failure.message} (try {activity.attempt})"
    return ""


async def stuck(handle: WorkflowHandle[Any, Any], description: WorkflowExecutionDescription) -> str:
    """The error in workflow code that holds the release until fixed code runs; else empty."""
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
    """
    The result of a workflow that a worker answers within `limit`.

    Stops with the reason of a refusal, and after 10 s where no worker has begun it.
    """
    name = workflow.removesuffix("Workflow").lower()
    handle: WorkflowHandle[Any, Any] = await client.start_workflow(
        workflow,
        request,
        id=f"{name}-{request.get('stack') or 'all'}-{uuid.uuid4()}",
        task_queue=task_queue(),
        execution_timeout=limit,
        rpc_timeout=RPC_TIMEOUT,
    )
    result = asyncio.create_task(handle.result())
    answered, _ = await asyncio.wait([result], timeout=NO_WORKER_AFTER)
    if not answered and not await picked_up(handle):
        result.cancel()
        await handle.terminate("no worker could answer", rpc_timeout=RPC_TIMEOUT)
        raise no_worker("The question was withdrawn.")
    try:
        return await result
    except WorkflowFailureError as error:
        if isinstance(error.cause, WorkflowTimeoutError):
            raise no_worker(f"The question was not answered within {limit}.") from None
        raise ended_badly(error) from None


def ended_badly(error: WorkflowFailureError) -> Stop:
    """The exit code and the message for a workflow that failed."""
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
        f"it was ended from outside ({cause}): what it made may be left."
        " `ovenbird sweep` shows it, and from when on --apply may clear it",
    )


async def tell(client: Client, stack: str, name: str, message: dict[str, str]) -> str:
    """
    The answer to an update. Stops with the reason of a refusal.

    Where no worker can answer, the message is sent as a signal, which is never lost.
    """
    handle = client.get_workflow_handle(release_id(stack))
    try:
        return str(await handle.execute_update(name, message, rpc_timeout=UPDATE_TIMEOUT))
    except WorkflowUpdateFailedError as error:
        raise Stop(REFUSED_CODE, f"refused: {error.cause}") from None
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        pass
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise Stop(REFUSED_CODE, f"nothing is under way for {stack}") from None
        if error.status not in UNANSWERED:
            raise
    await handle.signal(name, message, rpc_timeout=RPC_TIMEOUT)
    return "kept: no worker answered within 10 s; it takes effect as soon as one does"
