"""Adopt: an Auto Scaling group that somebody made by hand becomes the first blue, and none of its instances is touched."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.admission import Admission, parsed
from workflows.operator import OperatorHandlers
from workflows.steps.base import FAILURES, describe, handlers_finished

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import GroupRef, MarkGroups
    from activities.groups import Groups
    from domain import names
    from domain.errors import REFUSED
    from domain.live import refuse_to_adopt
    from domain.models import Adopted, State
    from domain.requests import AdoptRequest
    from domain.status import Status


@workflow.defn(name="AdoptWorkflow")
class AdoptWorkflow(OperatorHandlers):
    """It runs under the stack's lock; all that it changes is the group's tags."""

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission(self.operator)

    @workflow.run
    async def run(self, *values: Any) -> Adopted:
        """Raises Refused: nothing was done."""
        async with handlers_finished():
            do = self.admission
            try:
                request = parsed(AdoptRequest, values)
                do.lock(request)
                stack = await do.read_stack(request.stack)
                target_groups = await do.find_target_groups(stack)
                deployments = await do.find_deployments(stack)
                group = await do.do(
                    Groups.find_group,
                    GroupRef(region=stack.region, name=request.group),
                    what="What is it?",
                )
                refuse_to_adopt(
                    stack.name,
                    request.group,
                    group,
                    deployments,
                    [target.arn for target in target_groups],
                )
                commit = await do.resolve_tag(stack, request.tag)
            except FAILURES as error:
                raise ApplicationError(describe(error), type=REFUSED, non_retryable=True) from error
            me = workflow.info()
            tags = stack.tags | {
                names.STACK: stack.name,
                names.APPLICATION: stack.application.name,
                names.TAG: names.tag_value(request.tag),
                names.COMMIT: commit,
                names.RELEASE: names.owner(me.workflow_id, me.original_execution_run_id),
                names.DEPLOYMENT: request.group,
                names.ADOPTED: request.requested_by[:100] or "unknown",
                names.STATE: State.SERVING.value,
                names.SERVED_AT: workflow.now().isoformat(),
                names.RESTORE_MIN: "",
                names.RESTORE_REBALANCE: "",
                names.WOKEN_BY: "",
            }
            await do.do(
                Groups.mark,
                MarkGroups(region=stack.region, tags={request.group: tags}),
                what=f"{request.group} serves {request.tag}",
            )
            return Adopted(
                stack=stack.name, deployment=request.group, tag=request.tag, commit=commit
            )

    @workflow.query(description="How it stands; docs/status.schema.json.")
    def status(self) -> Status:
        return self.admission.status()
