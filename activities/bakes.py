"""Joining and leaving a bake that several releases may wait for."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import BakeAbandoned, BakeFailed, NotReady
from domain.models import Image, Model
from domain.requests import BakeRequest

WORKFLOW = "BakeWorkflow"
ABANDONED = "Abandoned"
RPC_TIMEOUT = timedelta(seconds=10)


class JoinBake(Model):
    """`waiter` is the workflow id of the release that waits."""

    workflow_id: str
    task_queue: str
    request: BakeRequest
    waiter: str


class LeaveBake(Model):
    workflow_id: str
    waiter: str


class BakeRun(Model):
    workflow_id: str
    run_id: str


class Bakes:
    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def join_bake(self, join: JoinBake) -> BakeRun:
        """
        Starts the bake, or joins the running one.

        One call does both, so that the bake cannot end for lack of waiters in between. A bake that
        is started again makes nothing new: it looks for its image first.
        """
        handle = await self._client.start_workflow(
            WORKFLOW,
            join.request,
            id=join.workflow_id,
            task_queue=join.task_queue,
            start_signal="join",
            start_signal_args=[join.waiter],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            rpc_timeout=RPC_TIMEOUT,
        )
        return BakeRun(
            workflow_id=handle.id,
            run_id=handle.first_execution_run_id or handle.result_run_id or "",
        )

    @activity.defn
    async def bake_finished(self, bake: BakeRun) -> Image:
        """
        The bake's image. Raises NotReady while the bake runs, BakeFailed or BakeAbandoned.

        It is polled: an activity that waits would occupy a slot of the worker.
        """
        handle: WorkflowHandle[object, Image] = self._client.get_workflow_handle(
            bake.workflow_id, run_id=bake.run_id or None, result_type=Image
        )
        found = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        if found.status is WorkflowExecutionStatus.RUNNING:
            raise NotReady(f"{bake.workflow_id} is running")
        try:
            return await handle.result(rpc_timeout=RPC_TIMEOUT)
        except WorkflowFailureError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.type == ABANDONED:
                raise BakeAbandoned(
                    f"{bake.workflow_id} ended because nobody waited for it"
                ) from None
            raise BakeFailed(
                error.cause.message
                if isinstance(error.cause, ApplicationError)
                else str(error.cause)
            ) from None

    @activity.defn
    async def leave_bake(self, leave: LeaveBake) -> None:
        """The bake ends when its last waiter leaves. Does nothing where the bake has ended."""
        try:
            await self._client.get_workflow_handle(leave.workflow_id).signal(
                "leave", leave.waiter, rpc_timeout=RPC_TIMEOUT
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
