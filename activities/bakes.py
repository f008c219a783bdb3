"""Joining and leaving a bake that several releases may wait for."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import BakeFailed, Hiccup
from domain.models import BakeRequest, Image, Model

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


class Bakes:
    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def join_bake(self, join: JoinBake) -> Image:
        """
        Starts the bake or joins the one that runs, and waits for its image.

        Joining and starting are one call, so that a bake cannot end for lack of waiters in between. Raises BakeFailed.
        """
        handle = await self._client.start_workflow(
            WORKFLOW, join.request, id=join.workflow_id, task_queue=join.task_queue, start_signal="join",
            start_signal_args=[join.waiter], id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE, rpc_timeout=RPC_TIMEOUT,
        )  # fmt: skip
        result: WorkflowHandle[object, Image] = self._client.get_workflow_handle(handle.id, result_type=Image)
        try:
            return await result.result()
        except WorkflowFailureError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.type == ABANDONED:
                raise Hiccup("the bake ended because nobody waited for it; it is started again") from None
            raise BakeFailed(str(cause)) from None

    @activity.defn
    async def leave_bake(self, leave: LeaveBake) -> None:
        """The last to leave ends the bake. Content where it has ended."""
        try:
            await self._client.get_workflow_handle(leave.workflow_id).signal("leave", leave.waiter, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
