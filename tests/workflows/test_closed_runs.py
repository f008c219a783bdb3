"""When did a release end, whose runs were continued or reset?"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.aws import Aws
from activities.inventory import Inventories, WhenClosed
from domain import names
from tests.workflows.conftest import Mode


@workflow.defn
class Counting:
    """Each run but the last one continues as new."""

    @workflow.run
    async def run(self, runs: int) -> None:
        if runs > 1:
            workflow.continue_as_new(runs - 1)


async def when_closed(client: Client, *releases: str) -> dict[str, datetime]:
    found = await Inventories(Aws(), client).when_closed(WhenClosed(releases=releases))
    return {release: datetime.fromisoformat(time) for release, time in found.items()}


async def close_time(client: Client, workflow_id: str, run: str | None = None) -> datetime:
    found = (await client.get_workflow_handle(workflow_id, run_id=run).describe()).close_time
    assert found
    return found


@pytest.fixture
def mode() -> Mode:
    return Mode(1_000, False)


async def test_a_release_ends_with_its_last_run_whatever_its_tag_names(temporal: Client) -> None:
    workflow_id = f"release-{uuid.uuid4().hex[:8]}"
    queue: dict[str, Any] = {"id": workflow_id, "task_queue": workflow_id}
    runner = UnsandboxedWorkflowRunner()
    async with Worker(
        temporal, task_queue=workflow_id, workflows=[Counting], workflow_runner=runner
    ):
        handle = await temporal.start_workflow(Counting.run, 3, **queue)
        await handle.result()
        first = names.owner(workflow_id, str(handle.first_execution_run_id))
        last = await close_time(temporal, workflow_id)
        assert await when_closed(temporal, first) == {first: last}

        reset = await temporal.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=temporal.namespace,
                workflow_execution=WorkflowExecution(
                    workflow_id=workflow_id, run_id=str(handle.first_execution_run_id)
                ),
                workflow_task_finish_event_id=3,
                request_id=str(uuid.uuid4()),
            )
        )
        again = temporal.get_workflow_handle(workflow_id, run_id=reset.run_id)
        await again.result()
        later = await close_time(temporal, workflow_id)
        assert later > last
        assert await when_closed(temporal, first) == {first: later}

        other = await temporal.start_workflow(Counting.run, 1, **queue)
        await other.result()
        assert await when_closed(temporal, first) == {first: later}


async def test_what_runs_or_is_unknown_has_not_closed(temporal: Client) -> None:
    workflow_id = f"release-{uuid.uuid4().hex[:8]}"
    running = await temporal.start_workflow(
        Counting.run, 1, id=workflow_id, task_queue="nobody-works-here"
    )
    mine = names.owner(workflow_id, str(running.first_execution_run_id))
    unknown = names.owner(workflow_id, str(uuid.uuid4()))
    too_long = names.owner("release-" + "x" * 300, str(uuid.uuid4()))

    assert await when_closed(temporal, mine, unknown, f"{workflow_id}/no-id", too_long, "") == {}
    await running.terminate()
    closed = await when_closed(temporal, mine)
    assert closed == {mine: await close_time(temporal, workflow_id)}
    with pytest.raises(WorkflowFailureError):
        await running.result()
