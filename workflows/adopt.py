"""Adopt: an Auto Scaling group that somebody made by hand becomes the first blue deployment."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

from workflows.admission import Admission, refused_on_failure
from workflows.failures import handlers_finished, shielded
from workflows.handlers import OperatorHandlers
from workflows.inquiries import Inquiries
from workflows.policies import QUICK
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import GroupRef, MarkGroups
    from activities.groups import Groups
    from domain import marks, names
    from domain.config import Stack
    from domain.live import refuse_to_adopt
    from domain.models import Adopted, State
    from domain.requests import AdoptRequest
    from domain.status import Status


@workflow.defn(name="AdoptWorkflow")
class AdoptWorkflow(OperatorHandlers):
    """It runs under the stack's lock. It changes nothing but the group's tags."""

    def __init__(self) -> None:
        self._run = Run("adopt")
        super().__init__(self._run)

    @workflow.run
    async def run(self, *values: Any) -> Adopted:
        """Raises Refused: nothing was done."""
        async with handlers_finished():
            with refused_on_failure(self._run):
                request = Admission(self._run).locked(AdoptRequest, values)
                stack, commit = await self._checked(request)
            self._run.operator.no_way_back = (
                "the group is being marked: adopt it, or delete its tags"
            )
            with refused_on_failure(self._run):
                await shielded(self._mark(stack, request, commit), self._run.note)
            return Adopted(
                stack=stack.name, deployment=request.group, tag=request.tag, commit=commit
            )

    async def _mark(self, stack: Stack, request: AdoptRequest, commit: str) -> None:
        """In the first call are all of Ovenbird's tags: when AWS refuses it, nothing was done."""
        tags = MarkGroups(region=stack.region, tags={request.group: _tags(stack, request, commit)})
        what = f"{request.group} serves {request.tag}"
        await self._run.certainly(Groups.mark, tags, QUICK, what=what)

    async def _checked(self, request: AdoptRequest) -> tuple[Stack, str]:
        """The stack and the commit of the tag."""
        ask = Inquiries(self._run)
        stack = await ask.read_stack(request.stack)
        self._run.uses(stack)
        target_groups = await ask.find_target_groups(stack)
        deployments = await ask.find_deployments(stack)
        reference = GroupRef(region=stack.region, name=request.group)
        group = await self._run.do(Groups.find_group, reference, what="What is it?")
        arns = [target.arn for target in target_groups]
        refuse_to_adopt(stack.name, request.group, group, deployments, arns)
        commit = await ask.resolve_tag(stack, request.tag)
        if group:
            marks.refuse_without_room(group, _tags(stack, request, commit))
        return stack, commit

    @workflow.query(description="How far this run is, as docs/status.schema.json describes it.")
    def status(self, *_: Any) -> Status:
        return self._run.status()


def _tags(stack: Stack, request: AdoptRequest, commit: str) -> dict[str, str]:
    me = workflow.info()
    return {
        names.STACK: stack.name,
        names.APPLICATION: stack.application.name,
        names.TAG: names.tag_value(request.tag),
        names.COMMIT: commit,
        names.RELEASE: names.owner(me.workflow_id, me.original_execution_run_id),
        names.DEPLOYMENT: request.group,
        names.ADOPTED: request.requested_by[:100] or "unknown",
        **dict.fromkeys(names.MARKS, ""),
        names.STATE: State.SERVING.value,
        names.SERVED_AT: workflow.now().isoformat(),
        **stack.tags,
    }
