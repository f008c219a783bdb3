"""What any program can send to Temporal: payloads as bytes, past every converter of ours."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta

from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import (
    QueryWorkflowRequest,
    RespondActivityTaskCompletedByIdRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
    UpdateWorkflowExecutionRequest,
)
from temporalio.client import Client

LIMIT = timedelta(seconds=20)
MESSAGE = json.dumps({"by": "ann", "reason": "enough"}).encode()
REFERENCE = "temporal.api.sdk.v1.ExternalStorageReference"


def payload(data: bytes, **metadata: bytes) -> Payload:
    return Payload(metadata=metadata, data=data)


# Each is an encoding that our converters do not read, or bytes that are not of their encoding.
ODD: dict[str, Payload] = {
    "no metadata": payload(MESSAGE),
    "empty encoding": payload(MESSAGE, encoding=b""),
    "unknown encoding": payload(MESSAGE, encoding=b"yaml/plain"),
    "no UTF-8 as encoding": payload(MESSAGE, encoding=b"\xff\xfe\x00"),
    "binary/encrypted": payload(b"\x00\x01\x02", encoding=b"binary/encrypted"),
    "binary/zlib": payload(b"x\x9c", encoding=b"binary/zlib"),
    "binary/gzip": payload(b"\x1f\x8b", encoding=b"binary/gzip"),
    "binary/null": payload(b"", encoding=b"binary/null"),
    "binary/null with data": payload(MESSAGE, encoding=b"binary/null"),
    "binary/plain": payload(b"\xff\x00", encoding=b"binary/plain"),
    "json/plain, broken": payload(b'{"by": "ann"', encoding=b"json/plain"),
    "json/plain, empty": payload(b"", encoding=b"json/plain"),
    "json/plain, no UTF-8": payload(b"\xff\xfe", encoding=b"json/plain"),
    "json/plain, a lone surrogate": payload(b'{"by": "\\ud800"}', encoding=b"json/plain"),
    "json/plain, deep": payload(b"[" * 5_000 + b"]" * 5_000, encoding=b"json/plain"),
    "json/protobuf": payload(MESSAGE, encoding=b"json/protobuf"),
    "json/protobuf of an unknown type": payload(
        MESSAGE, encoding=b"json/protobuf", messageType=b"ann.Message"
    ),
    "binary/protobuf": payload(b"\xff", encoding=b"binary/protobuf", messageType=b"ann.Message"),
    "json/plain, large": payload(b'"' + b"x" * 100_000 + b'"', encoding=b"json/plain"),
    "json/plain, many parts": payload(b"[" + b"[]," * 10_000 + b"[]]", encoding=b"json/plain"),
    "external storage": payload(b"{}", encoding=b"json/external-storage-reference"),
    "external storage, new": payload(
        b"{}", encoding=b"json/protobuf", messageType=REFERENCE.encode()
    ),
    "external storage, marked": payload(
        MESSAGE, encoding=b"json/plain", __temporal_external_storage_reference=b"true"
    ),
}


def _sent(payloads: Sequence[Payload]) -> Payloads:
    return Payloads(payloads=list(payloads))


async def signal(client: Client, workflow_id: str, name: str, *payloads: Payload) -> None:
    await client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            signal_name=name,
            input=_sent(payloads),
            request_id=str(uuid.uuid4()),
        ),
        retry=True,
        timeout=LIMIT,
    )


async def update(client: Client, workflow_id: str, name: str, *payloads: Payload) -> bool:
    """Was it accepted?"""
    answer = await client.workflow_service.update_workflow_execution(
        UpdateWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            wait_policy=WaitPolicy(lifecycle_stage=3),  # type: ignore[arg-type]
            request=Request(
                meta=Meta(update_id=str(uuid.uuid4())),
                input=Input(name=name, args=_sent(payloads)),
            ),
        ),
        # A run that is continued as new at that moment takes no update.
        retry=True,
        timeout=LIMIT,
    )
    return answer.outcome.HasField("success")


async def query(client: Client, workflow_id: str, name: str, *payloads: Payload) -> bytes:
    """The answer."""
    answer = await client.workflow_service.query_workflow(
        QueryWorkflowRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id),
            query=WorkflowQuery(query_type=name, query_args=_sent(payloads)),
        ),
        timeout=LIMIT,
    )
    return answer.query_result.SerializeToString()


async def start(
    client: Client, workflow: str, workflow_id: str, task_queue: str, *payloads: Payload
) -> None:
    await client.workflow_service.start_workflow_execution(
        StartWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_id=workflow_id,
            workflow_type=WorkflowType(name=workflow),
            task_queue=TaskQueue(name=task_queue),
            input=_sent(payloads),
            request_id=str(uuid.uuid4()),
        ),
        timeout=LIMIT,
    )


async def complete(client: Client, workflow_id: str, activity_id: str, result: Payload) -> None:
    """As `temporal activity complete` does."""
    await client.workflow_service.respond_activity_task_completed_by_id(
        RespondActivityTaskCompletedByIdRequest(
            namespace=client.namespace,
            workflow_id=workflow_id,
            activity_id=activity_id,
            result=_sent([result]),
        )
    )
