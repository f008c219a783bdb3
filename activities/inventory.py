"""All that a stack's releases and its application's bakes may have left, by tag; and which of those releases still run."""

from __future__ import annotations

from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.aws import Aws, tag_dict, translated
from activities.bakes import RPC_TIMEOUT
from activities.groups import deployment, facts
from domain import names
from domain.models import Model
from domain.sweep import Inventory, Owned


class TakeInventory(Model):
    region: str
    stack: str
    application: str
    target_groups: tuple[str, ...]


class WhichRun(Model):
    """`but` is the workflow that asks: it holds that id's lock, so no other release of the id runs."""

    releases: tuple[str, ...]
    but: str


class Inventories:
    def __init__(self, aws: Aws, client: Client) -> None:
        self._aws = aws
        self._client = client

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def take_inventory(self, request: TakeInventory) -> Inventory:
        """Four reads, each by tag. An error of any of them is an error of the inventory: half of it must not be believed."""
        ec2 = self._aws.ec2(request.region)
        by_stack: Any = {"Name": f"tag:{names.STACK}", "Values": [request.stack]}
        by_application: Any = {"Name": f"tag:{names.APPLICATION}", "Values": [request.application]}
        pages = (
            self._aws.autoscaling(request.region)
            .get_paginator("describe_auto_scaling_groups")
            .paginate(Filters=[by_stack])
        )
        groups = [
            group
            for page in pages
            for group in page["AutoScalingGroups"]
            if not group.get("Status")
        ]
        owned = [
            Owned(
                kind="launch template",
                id=t["LaunchTemplateId"],
                name=t["LaunchTemplateName"],
                release=tag_dict(t.get("Tags")).get(names.RELEASE, ""),
                created_at=t["CreateTime"].isoformat(),
            )
            for found in ec2.get_paginator("describe_launch_templates").paginate(Filters=[by_stack])
            for t in found["LaunchTemplates"]
        ]
        owned += [
            Owned(
                kind="instance",
                id=i["InstanceId"],
                name=tag_dict(i.get("Tags")).get("Name", ""),
                release=tag_dict(i.get("Tags")).get(names.RELEASE, ""),
                created_at=i["LaunchTime"].isoformat(),
            )
            for reservations in ec2.get_paginator("describe_instances").paginate(
                Filters=[by_application]
            )
            for reservation in reservations["Reservations"]
            for i in reservation["Instances"]
            if names.STACK not in tag_dict(i.get("Tags"))
            and i["State"]["Name"] not in ("terminated", "shutting-down")
        ]
        owned += [
            Owned(
                kind="security group",
                id=g["GroupId"],
                name=g["GroupName"],
                release=tag_dict(g.get("Tags")).get(names.RELEASE, ""),
            )
            for security_groups in ec2.get_paginator("describe_security_groups").paginate(
                Filters=[by_application]
            )
            for g in security_groups["SecurityGroups"]
        ]
        return Inventory(
            deployments=tuple(deployment(facts(group)) for group in groups),
            created_at={
                group["AutoScalingGroupName"]: group["CreatedTime"].isoformat() for group in groups
            },
            owned=tuple(owned),
            target_groups=request.target_groups,
        )

    @activity.defn
    async def which_run(self, request: WhichRun) -> list[str]:
        """Of these releases (workflow id and run, as the tags have them) those whose workflow id has a run under way."""
        workflows = {names.owner_workflow(release) for release in request.releases} - {request.but}
        alive = {workflow for workflow in workflows if await self._runs(workflow)}
        return [release for release in request.releases if names.owner_workflow(release) in alive]

    async def _runs(self, workflow_id: str) -> bool:
        """An owner that cannot be named may well run."""
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
