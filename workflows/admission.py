"""Before anything is made: is the request understood, does the stack exist, which commit is the tag, what image would it be?"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from temporalio import workflow

from workflows.contract import STACK, release_id
from workflows.operator import Operator
from workflows.policies import QUICK
from workflows.steps.base import Steps
from workflows.steps.releasing import Admitted

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, FindTargetGroups
    from activities.checks import Check
    from activities.configuration import Configuration
    from activities.group_requests import OfStack
    from activities.groups import Groups
    from activities.images import FindImages, Images, ResolveBaseImage
    from activities.preflight import Preflight, PreflightOf
    from activities.provisioning import Identify, Provisioning
    from activities.rules import FindRules, Rules
    from activities.source import ResolveTag, Source
    from domain import capacity
    from domain.config import Stack
    from domain.errors import Conflict, InvalidRequest
    from domain.images import BakeIdentity
    from domain.live import find_blue, refuse_where_another_serves, refuse_where_blue_is_elsewhere
    from domain.models import Deployment, Image, TargetGroup, Version
    from domain.requests import ReleaseRequest, RollbackRequest, StackRequest
    from domain.rollback import candidates, choose
    from domain.status import Status
    from domain.traffic import Rule, routing

T = TypeVar("T", bound=BaseModel)


def parsed(kind: type[T], values: tuple[Any, ...]) -> T:
    """The request, whatever came. Raises InvalidRequest with every mistake: a payload that is refused holds no lock."""
    if len(values) != 1 or not isinstance(values[0], dict):
        raise InvalidRequest(
            f'the input must be one JSON object such as {{"stack": "production", "tag": "v1.4.2"}}, not {list(values)!r}'
        )
    try:
        return kind.model_validate(values[0])
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()
        )
        raise InvalidRequest(f"the input has mistakes: {mistakes}") from None


class Admission(Steps):
    """Steps that have no sentence of their own: they change nothing. `request` is there once it is understood."""

    def __init__(self, operator: Operator) -> None:
        super().__init__(operator)
        self.request: ReleaseRequest | RollbackRequest | StackRequest | None = None

    def status(self) -> Status:
        request = self.request
        if request is None:
            return super().status()
        known: dict[str, str] = {}
        if not isinstance(request, StackRequest):
            known = {
                "tag": request.tag if isinstance(request, ReleaseRequest) else request.to or "",
                "requested_by": request.requested_by,
            }
        return super().status().model_copy(update=known | {"stack": request.stack})

    def lock(self, request: ReleaseRequest | RollbackRequest | StackRequest) -> None:
        """Raises InvalidRequest where the workflow's id is not the stack's lock."""
        self.request = request
        workflow.upsert_search_attributes([STACK.value_set(request.stack)])
        if workflow.info().workflow_id != release_id(request.stack):
            raise InvalidRequest(
                f"the workflow id must be {release_id(request.stack)}: it is the lock of the stack"
            )

    async def admit(self, request: ReleaseRequest) -> tuple[Admitted, BakeIdentity]:
        """Everything that can be known before anything is made. Raises what the request is refused for."""
        stack = await self.read_stack(request.stack)
        self._ask_another(stack, request.requested_by)
        # These know nothing of each other: together they take as long as the slowest.
        identity, target_groups, deployments = await asyncio.gather(
            self.identify_tag(stack, request.tag),
            self.find_target_groups(stack),
            self.find_deployments(stack),
        )
        version = Version(
            tag=request.tag,
            commit=identity.commit,
            recipe=identity.recipe,
            base_image=identity.base_image,
        )
        admitted = await self._admitted(
            stack, version, request.requested_by, target_groups, deployments
        )
        return admitted, identity

    async def preflight(self, admitted: Admitted, image: str | None = None) -> list[Check]:
        """What would stop the release later."""
        blue = admitted.blue
        asked = PreflightOf(
            stack=admitted.stack,
            size=capacity.needed(blue.group if blue else None, admitted.stack.capacity),
            target_groups=admitted.target_groups,
            blue=blue.name if blue else None,
            image=image,
        )
        found: list[Check] = await self.do(
            Preflight.preflight, asked, what="Would anything stop it later?"
        )
        return found

    async def admit_rollback(
        self, request: RollbackRequest
    ) -> tuple[Admitted, Deployment | None, Image | None]:
        """And the parked deployment to wake, or the image to launch again. Raises what the request is refused for."""
        stack = await self.read_stack(request.stack)
        self._ask_another(stack, request.requested_by)
        target_groups, deployments, images = await asyncio.gather(
            self.find_target_groups(stack), self.find_deployments(stack), self.find_images(stack)
        )
        chosen = choose(
            stack.name, candidates(deployments, images, force=request.force), request.to
        )
        target = next((d for d in deployments if d.name == chosen.deployment), None)
        image = next((i for i in images if i.id == chosen.image), None)
        version = Version(
            tag=chosen.tag,
            commit=chosen.commit,
            recipe=image.recipe if image else "",
            base_image=image.base_image if image else "",
        )
        return (
            await self._admitted(stack, version, request.requested_by, target_groups, deployments),
            target,
            image,
        )

    def _ask_another(self, stack: Stack, requested_by: str) -> None:
        if stack.approving.by_another:
            self.operator.ask_another(requested_by)

    async def _admitted(
        self,
        stack: Stack,
        version: Version,
        requested_by: str,
        target_groups: tuple[TargetGroup, ...],
        deployments: tuple[Deployment, ...],
    ) -> Admitted:
        blue = find_blue(stack.name, deployments)
        arns = [group.arn for group in target_groups]
        refuse_where_blue_is_elsewhere(blue, arns)
        refuse_where_another_serves(stack.name, blue, deployments, arns)
        weights = stack.instance.mixed.types if stack.instance.mixed else {stack.instance.type: 1}
        capacity.refuse_other_units(blue, weights, stack.capacity)
        wired = None
        if stack.load_balancer.strategy == "weighted":
            wired = routing(
                stack.name,
                await self.find_rules(stack, target_groups),
                (arns[0], arns[1]),
                stack.load_balancer.preview,
                blue,
            )
            if wired.sticky and stack.load_balancer.stickiness == "refuse":
                raise Conflict(
                    f"clients stay with one target group of {stack.name} for {wired.sticky:.0f} s (the rule's stickiness): after the cutover "
                    'theirs would be empty; switch it off, or let the release wait for it with load_balancer.stickiness = "wait"'
                )
        return Admitted(
            stack=stack,
            version=version,
            requested_by=requested_by,
            target_groups=target_groups,
            deployments=deployments,
            blue=blue,
            routing=wired,
        )

    async def find_rules(self, stack: Stack, target_groups: tuple[TargetGroup, ...]) -> list[Rule]:
        found: list[Rule] = await self.do(
            Rules.find_rules,
            FindRules(region=stack.region, target_groups=target_groups),
            what="Which rules forward to its target groups?",
        )
        return found

    async def find_target_groups(self, stack: Stack) -> tuple[TargetGroup, ...]:
        found: list[TargetGroup] = await self.do(
            Balancers.find_target_groups,
            FindTargetGroups(region=stack.region, names=stack.load_balancer.names),
            what="Do its target groups exist?",
        )
        return tuple(found)

    async def find_images(self, stack: Stack) -> tuple[Image, ...]:
        found: list[Image] = await self.do(
            Images.find_images,
            FindImages(region=stack.region, application=stack.application.name),
            what="Which images are kept?",
        )
        return tuple(found)

    async def find_deployments(self, stack: Stack) -> tuple[Deployment, ...]:
        found: list[Deployment] = await self.do(
            Groups.find_deployments,
            OfStack(region=stack.region, stack=stack.name),
            what="What serves now?",
        )
        return tuple(found)

    async def read_stack(self, name: str) -> Stack:
        stack: Stack = await self.do(
            Configuration.read_stack, name, what="Read the stack's configuration"
        )
        return stack

    async def resolve_tag(self, stack: Stack, tag: str) -> str:
        commit: str = await self.do(
            Source.resolve_tag,
            ResolveTag(
                repository=stack.application.repository,
                tag=tag,
                region=stack.region,
                credential=stack.application.credential,
            ),
            QUICK,
            what="Which commit is the tag?",
        )
        return commit

    async def identify_tag(self, stack: Stack, tag: str) -> BakeIdentity:
        """Of the stack that makes its images, where that is another one."""
        if stack.bake.made_by:
            stack = await self.read_stack(stack.bake.made_by)
        return await self.identify(stack, tag, await self.resolve_tag(stack, tag))

    async def identify(self, stack: Stack, tag: str, commit: str) -> BakeIdentity:
        base = stack.bake.base_image
        base_image = base.id or await self.do(
            Images.resolve_base_image,
            ResolveBaseImage(region=stack.region, base=base, architecture=stack.bake.architecture),
            what="Which image is the base?",
        )
        identity: BakeIdentity = await self.do(
            Provisioning.identify_bake,
            Identify(stack=stack, tag=tag, commit=commit, base_image=base_image),
            what="What would the image be?",
        )
        return identity
