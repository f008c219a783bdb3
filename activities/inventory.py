"""A stack's resources and its application's builders; and which releases still run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from temporalio import activity
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowHistoryEventFilterType,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.aws import Aws, translated
from activities.bakes import RPC_TIMEOUT
from activities.classic import target_states
from activities.group_facts import deployment, facts
from activities.owned import owned_by
from domain import lifecycle, names
from domain.models import Model, TargetState
from domain.sweep import Inventory


class TakeInventory(Model):
    region: str
    stack: str
    application: str
    target_groups: tuple[str, ...]


class WhichRun(Model):
    """`but` is the workflow that asks. It holds the lock, so no other run has its workflow id."""

    releases: tuple[str, ...]
    but: str


class WhenClosed(Model):
    releases: tuple[str, ...]


class Inventories:
    def __init__(self, aws: Aws, client: Client) -> None:
        self._aws = aws
        self._client = client

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def take_inventory(self, request: TakeInventory) -> Inventory:
        """
        Six reads by tag, and one of each target group or classic balancer.

        The error of one read is raised: a part of the inventory would look like missing resources.
        """
        groups = self._groups(request)
        return Inventory(
            deployments=tuple(deployment(facts(group)) for group in groups),
            created_at={
                group["AutoScalingGroupName"]: group["CreatedTime"].isoformat() for group in groups
            },
            healthy=self._healthy(request, groups),
            owned=owned_by(self._aws, request.region, request.stack, request.application),
            target_groups=request.target_groups,
        )

    def _groups(self, request: TakeInventory) -> list[Any]:
        pages = (
            self._aws.autoscaling(request.region)
            .get_paginator("describe_auto_scaling_groups")
            .paginate(Filters=[_by_stack(request)])
        )
        return [
            group
            for page in pages
            for group in page["AutoScalingGroups"]
            # A group with a status is one that AWS is deleting.
            if not group.get("Status")
        ]

    def _healthy(self, request: TakeInventory, groups: list[Any]) -> dict[str, dict[str, int]]:
        """Of every group, whether it is attached or a person registered its instances."""
        found: dict[str, dict[str, int]] = {group["AutoScalingGroupName"]: {} for group in groups}
        instances = sorted(i["InstanceId"] for group in groups for i in group.get("Instances", []))
        for arn in request.target_groups if instances else ():
            states = target_states(self._aws, request.region, arn, instances)
            for group in groups:
                if units := _healthy_units(group, states):
                    found[group["AutoScalingGroupName"]][arn] = units
        return found

    @activity.defn
    async def which_run(self, request: WhichRun) -> list[str]:
        """
        Those of the releases whose workflow id has a running run.

        A release is a workflow id and a run id, as tags hold them.
        """
        workflows = {names.owner_workflow(release) for release in request.releases} - {request.but}
        alive = {workflow for workflow in workflows if await self._runs(workflow)}
        return [release for release in request.releases if names.owner_workflow(release) in alive]

    async def _runs(self, workflow_id: str) -> bool:
        """True where the workflow id is unknown: the release may run."""
        if not workflow_id:
            return True
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe(
                rpc_timeout=RPC_TIMEOUT
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return found.status is WorkflowExecutionStatus.RUNNING

    @activity.defn
    async def when_closed(self, request: WhenClosed) -> dict[str, str]:
        """
        ISO 8601 times, by release: when its last run closed.

        A release that runs, or that Temporal does not show any more, is missing.
        """
        closed = {release: await self._closed(release) for release in request.releases}
        return {release: time.isoformat() for release, time in closed.items() if time}

    async def _closed(self, release: str) -> datetime | None:
        """A release that was continued as new, or reset, went on in another run."""
        workflow, run = names.owner_workflow(release), names.owner_run(release)
        closed = None
        try:
            while workflow and run:
                handle = self._client.get_workflow_handle(workflow, run_id=run)
                found = await handle.describe(rpc_timeout=RPC_TIMEOUT)
                closed = found.close_time
                run = found.raw_description.workflow_extended_info.reset_run_id
                if not run and found.status is WorkflowExecutionStatus.CONTINUED_AS_NEW:
                    run = await _next_run(handle)
        except RPCError as error:
            if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
                raise
            return None
        return closed


async def _next_run(handle: WorkflowHandle[Any, Any]) -> str:
    """Its last event names the run in which it was continued."""
    async for event in handle.fetch_history_events(
        event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT, rpc_timeout=RPC_TIMEOUT
    ):
        return event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return ""


def _healthy_units(group: Any, states: dict[str, TargetState]) -> int:
    """In the units of the group's sizes, as `domain.health` counts them."""
    return sum(
        int(instance.get("WeightedCapacity") or 1)
        for instance in group.get("Instances", [])
        if lifecycle.serves(instance["LifecycleState"])
        and instance["HealthStatus"].lower() == "healthy"
        and instance["InstanceId"] in states
        and states[instance["InstanceId"]].state == "healthy"
    )


def _by_stack(request: TakeInventory) -> Any:
    return {"Name": f"tag:{names.STACK}", "Values": [request.stack]}
