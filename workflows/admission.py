"""Before anything is made: is the request understood, is the lock held, and may it be done now?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.contract import STACK, release_id
from workflows.failures import describe, ends_a_run
from workflows.inquiries import Inquiries
from workflows.parsing import parsed
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from activities.checks import Check
    from activities.preflight import Preflight, PreflightOf
    from domain import capacity, marks, names
    from domain.config import Stack
    from domain.errors import REFUSED, Conflict, InvalidRequest
    from domain.facts import Admitted, Facts
    from domain.images import BakeIdentity
    from domain.live import (
        find_blue,
        refuse_what_serves,
        refuse_where_another_serves,
        refuse_where_blue_could_not_come_back,
        refuse_where_blue_is_elsewhere,
    )
    from domain.models import Deployment, Image, TargetGroup, Version
    from domain.requests import ReleaseRequest, RollbackRequest, StackRequest
    from domain.rollback import candidates, choose
    from domain.tags import size_tag
    from domain.traffic import Routing, routing
    from domain.watch import in_spite_of

T = TypeVar("T", bound=BaseModel)
L = TypeVar("L", bound=StackRequest)


@contextmanager
def refused_on_failure(run: Run, error_type: Callable[[], str] = lambda: REFUSED) -> Iterator[None]:
    """Around all that comes before the first change. Raises ApplicationError: Refused."""
    try:
        yield
    except (Exception, asyncio.CancelledError) as error:
        if not ends_a_run(error, run.operator.aborted):
            raise
        run.ends("refused", describe(error))
        raise ApplicationError(run.outcome, type=error_type(), non_retryable=True) from None


class Admission:
    """It changes nothing. Each method raises what the request is refused for."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ask = Inquiries(run)

    def locked(self, kind: type[L], values: tuple[Any, ...]) -> L:
        """The request. Raises InvalidRequest where the workflow's id is not the stack's lock."""
        request = parsed(kind, values)
        self._run.is_about(stack=request.stack)
        if isinstance(request, ReleaseRequest | RollbackRequest):
            tag = request.tag if isinstance(request, ReleaseRequest) else request.to or ""
            self._run.is_about(tag=tag, requested_by=request.requested_by)
        workflow.upsert_search_attributes([STACK.value_set(request.stack)])
        lock = release_id(request.stack)
        if workflow.info().workflow_id != lock:
            raise InvalidRequest(f"the workflow id must be {lock}: it is the lock of the stack")
        return request

    async def admit_release(self, request: ReleaseRequest) -> tuple[Facts, BakeIdentity]:
        admitted, identity = await self.admit(request)
        found = await self.preflight(admitted)
        if problems := [check.problem for check in found if check.problem]:
            raise InvalidRequest("; ".join(problems))
        for check in found:
            if check.warning:
                self._run.note(check.warning)
        run_id = workflow.info().original_execution_run_id
        facts = self._facts(
            admitted,
            green=names.deployment(admitted.stack.name, request.tag, run_id),
            green_min=admitted.stack.capacity.min,
            approval=admitted.stack.approval,
            waits_for_windows=True,
        )
        return facts, identity

    async def admit_rollback(self, request: RollbackRequest) -> tuple[Facts, Image | None]:
        """And the image of the deployment that serves again; None where it is gone."""
        stack = await self._read_stack(request)
        target_groups, deployments, images = await asyncio.gather(
            self._ask.find_target_groups(stack),
            self._ask.find_deployments(stack),
            self._ask.find_images(stack),
        )
        board = candidates(deployments, images, force=request.force)
        chosen = choose(stack.name, board, request.to)
        target = next((d for d in deployments if d.name == chosen.deployment), None)
        image = next((i for i in images if i.id == chosen.image), None)
        version = Version(
            tag=chosen.tag,
            commit=chosen.commit,
            recipe=image.recipe if image else "",
            base_image=image.base_image if image else "",
        )
        admitted = await self._admitted(stack, version, request, target_groups, deployments)
        run_id = workflow.info().original_execution_run_id
        if target:
            marks.refuse_without_room(target.group)
        recorded = size_tag(target.group.tags, names.RESTORE_MIN) if target else None
        facts = self._facts(
            admitted,
            green=target.name if target else names.deployment(stack.name, chosen.tag, run_id),
            green_min=max(recorded or 0, stack.capacity.min),
            approval=stack.approval and stack.approving.rollbacks,
            waits_for_windows=False,
            woken=target,
        )
        return facts, image

    async def admit(self, request: ReleaseRequest) -> tuple[Admitted, BakeIdentity]:
        """Everything that can be known of a release before anything is made."""
        stack = await self._read_stack(request)
        # These know nothing of each other: together they take as long as the slowest.
        identity, target_groups, deployments = await asyncio.gather(
            self._ask.identify_tag(stack, request.tag),
            self._ask.find_target_groups(stack),
            self._ask.find_deployments(stack),
        )
        version = Version(
            tag=request.tag,
            commit=identity.commit,
            recipe=identity.recipe,
            base_image=identity.base_image,
        )
        admitted = await self._admitted(stack, version, request, target_groups, deployments)
        refuse_where_blue_could_not_come_back(admitted.blue)
        refuse_what_serves(admitted.blue, request.tag, identity.commit, force=request.force)
        return admitted, identity

    async def preflight(self, admitted: Admitted, image: str | None = None) -> list[Check]:
        """What would stop the release later. `image` is the image of the tag, if there is one."""
        blue = admitted.blue
        asked = PreflightOf(
            stack=admitted.stack,
            size=capacity.needed(blue.group if blue else None, admitted.stack.capacity),
            target_groups=admitted.target_groups,
            blue=blue.name if blue else None,
            leaves=admitted.blue_arns,
            image=image,
        )
        what = "Would anything stop it later?"
        found: list[Check] = await self._run.do(Preflight.preflight, asked, what=what)
        return found

    async def _read_stack(self, request: ReleaseRequest | RollbackRequest) -> Stack:
        stack = in_spite_of(await self._ask.read_stack(request.stack), request.despite)
        if request.despite:
            alarms = ", ".join(request.despite)
            self._run.note(f"despite the alarm {alarms}: so said {request.requested_by}")
        self._run.uses(stack)
        if stack.approving.by_another:
            self._run.operator.ask_another(request.requested_by)
        return stack

    async def _admitted(
        self,
        stack: Stack,
        version: Version,
        request: ReleaseRequest | RollbackRequest,
        target_groups: tuple[TargetGroup, ...],
        deployments: tuple[Deployment, ...],
    ) -> Admitted:
        blue = find_blue(stack.name, deployments)
        arns = [group.arn for group in target_groups]
        refuse_where_blue_is_elsewhere(blue, arns)
        refuse_where_another_serves(stack.name, blue, deployments, arns)
        if blue:
            marks.refuse_without_room(blue.group)
        weights = stack.instance.mixed.types if stack.instance.mixed else {stack.instance.type: 1}
        capacity.refuse_other_units(blue, weights, stack.capacity)
        urgent = contraction = False
        if isinstance(request, ReleaseRequest):
            urgent, contraction = request.urgent, request.contraction
        return Admitted(
            stack=stack,
            version=version,
            requested_by=request.requested_by,
            target_groups=target_groups,
            deployments=deployments,
            blue=blue,
            routing=await self._routing(stack, target_groups, blue),
            urgent=urgent,
            contraction=contraction,
        )

    async def _routing(
        self, stack: Stack, target_groups: tuple[TargetGroup, ...], blue: Deployment | None
    ) -> Routing | None:
        balancer = stack.load_balancer
        if balancer.strategy != "weighted":
            return None
        rules = await self._ask.find_rules(stack, target_groups)
        pair = (target_groups[0].arn, target_groups[1].arn)
        wired = routing(stack.name, rules, pair, balancer.preview, blue)
        if wired.sticky and balancer.stickiness == "refuse":
            raise Conflict(
                f"clients stay with one target group of {stack.name} for {wired.sticky:.0f} s "
                "(the rule's stickiness): after the cutover theirs would be empty; switch it off, "
                'or let the release wait for it with load_balancer.stickiness = "wait"'
            )
        return wired

    def _facts(self, admitted: Admitted, **more: Any) -> Facts:
        me = workflow.info()
        owner = names.owner(me.workflow_id, me.original_execution_run_id)
        facts = Facts(**dict(admitted), owner=owner, **more)
        self._run.is_about(**facts.about)
        return facts
