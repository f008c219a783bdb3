"""Before anything is made: is the request understood, does the stack exist, which commit is the tag, what image would it be?"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio import workflow

from workflows.operator import Operator
from workflows.policies import QUICK
from workflows.steps.base import Steps
from workflows.steps.releasing import Admitted

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, FindTargetGroups
    from activities.configuration import Configuration
    from activities.groups import Groups, OfStack
    from activities.images import Images, ResolveBaseImage
    from activities.provisioning import Identify, Provisioning
    from activities.source import ResolveTag, Source
    from domain.config import Stack
    from domain.errors import InvalidRequest
    from domain.images import BakeIdentity
    from domain.live import find_blue, refuse_where_blue_is_elsewhere
    from domain.models import Deployment, ReleaseRequest, StackRequest
    from domain.status import Status

T = TypeVar("T", bound=StackRequest)


def parsed(kind: type[T], values: tuple[Any, ...]) -> T:
    """The request, whatever came. Raises InvalidRequest with every mistake: a payload that is refused holds no lock."""
    if len(values) != 1 or not isinstance(values[0], dict):
        raise InvalidRequest(f'the input must be one JSON object such as {{"stack": "production", "tag": "v1.4.2"}}, not {list(values)!r}')
    try:
        return kind.model_validate(values[0])
    except ValidationError as error:
        mistakes = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        raise InvalidRequest(f"the input has mistakes: {mistakes}") from None


class Admission(Steps):
    """Steps that have no sentence of their own: they change nothing. `request` is there once it is understood."""

    def __init__(self, operator: Operator) -> None:
        super().__init__(operator)
        self.request: ReleaseRequest | None = None

    def status(self) -> Status:
        request = self.request
        return super().status().model_copy(
            update={"stack": request.stack, "tag": request.tag, "requested_by": request.requested_by} if request else {}
        )  # fmt: skip

    async def admit(self, request: ReleaseRequest) -> Admitted:
        """Everything that can be known before anything is made. Raises what the request is refused for."""
        stack = await self.read_stack(request.stack)
        # These know nothing of each other: together they take as long as the slowest.
        identity, target_groups, deployments = await asyncio.gather(
            self.identify_tag(stack, request.tag),
            self.do(
                Balancers.find_target_groups, FindTargetGroups(region=stack.region, names=stack.load_balancer.target_groups),
                what="Do its target groups exist?",
            ),
            self.find_deployments(stack),
        )  # fmt: skip
        blue = find_blue(stack.name, deployments)
        refuse_where_blue_is_elsewhere(blue, [group.arn for group in target_groups])
        return Admitted(
            request=request, stack=stack, identity=identity, target_groups=tuple(target_groups), deployments=deployments,
            blue=blue,
        )  # fmt: skip

    async def find_deployments(self, stack: Stack) -> tuple[Deployment, ...]:
        found: list[Deployment] = await self.do(
            Groups.find_deployments, OfStack(region=stack.region, stack=stack.name), what="What serves now?"
        )
        return tuple(found)

    async def read_stack(self, name: str) -> Stack:
        stack: Stack = await self.do(Configuration.read_stack, name, what="Read the stack's configuration")
        return stack

    async def resolve_tag(self, stack: Stack, tag: str) -> str:
        commit: str = await self.do(
            Source.resolve_tag, ResolveTag(repository=stack.application.repository, tag=tag), QUICK, what="Which commit is the tag?"
        )
        return commit

    async def identify_tag(self, stack: Stack, tag: str) -> BakeIdentity:
        return await self.identify(stack, tag, await self.resolve_tag(stack, tag))

    async def identify(self, stack: Stack, tag: str, commit: str) -> BakeIdentity:
        base = stack.bake.base_image
        base_image = base.id or await self.do(
            Images.resolve_base_image, ResolveBaseImage(region=stack.region, base=base), what="Which image is the base?"
        )
        identity: BakeIdentity = await self.do(
            Provisioning.identify_bake,
            Identify(stack=stack, tag=tag, commit=commit, base_image=base_image),
            what="What would the image be?",
        )
        return identity
