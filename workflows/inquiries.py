"""What a workflow asks before it changes anything: configuration, tag, images, deployments."""

from __future__ import annotations

from temporalio import workflow

from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, FindTargetGroups
    from activities.configuration import Configuration
    from activities.group_requests import OfStack
    from activities.groups import Groups
    from activities.images import FindImages, Images, ResolveBaseImage
    from activities.provisioning import Identify, Provisioning
    from activities.rules import FindRules, Rules
    from activities.source import ResolveTag, Source
    from domain.config import Stack
    from domain.images import BakeIdentity
    from domain.models import Deployment, Image, TargetGroup
    from domain.traffic import Rule


class Inquiries:
    def __init__(self, run: Run) -> None:
        self._run = run

    async def read_stack(self, name: str) -> Stack:
        what = "Read the stack's configuration"
        stack: Stack = await self._run.do(Configuration.read_stack, name, what=what)
        return stack

    async def find_target_groups(self, stack: Stack) -> tuple[TargetGroup, ...]:
        find = FindTargetGroups(region=stack.region, names=stack.load_balancer.names)
        what = "Do its target groups exist?"
        return tuple(await self._run.do(Balancers.find_target_groups, find, what=what))

    async def find_rules(self, stack: Stack, target_groups: tuple[TargetGroup, ...]) -> list[Rule]:
        find = FindRules(region=stack.region, target_groups=target_groups)
        what = "Which rules forward to its target groups?"
        rules: list[Rule] = await self._run.do(Rules.find_rules, find, what=what)
        return rules

    async def find_deployments(self, stack: Stack) -> tuple[Deployment, ...]:
        of_stack = OfStack(region=stack.region, stack=stack.name)
        what = "What serves now?"
        return tuple(await self._run.do(Groups.find_deployments, of_stack, what=what))

    async def find_images(self, stack: Stack) -> tuple[Image, ...]:
        find = FindImages(region=stack.region, application=stack.application.name)
        what = "Which images are kept?"
        return tuple(await self._run.do(Images.find_images, find, what=what))

    async def resolve_tag(self, stack: Stack, tag: str) -> str:
        """Its commit."""
        application = stack.application
        resolve = ResolveTag(
            repository=application.repository,
            tag=tag,
            region=stack.region,
            credential=application.credential,
        )
        what = "Which commit is the tag?"
        commit: str = await self._run.do(Source.resolve_tag, resolve, what=what)
        return commit

    async def identify_tag(self, stack: Stack, tag: str) -> BakeIdentity:
        """Of the image that `bake.made_by` makes, where that is another stack."""
        if stack.bake.made_by:
            stack = await self.read_stack(stack.bake.made_by)
        return await self.identify(stack, tag, await self.resolve_tag(stack, tag))

    async def identify(self, stack: Stack, tag: str, commit: str) -> BakeIdentity:
        base = stack.bake.base_image
        resolve = ResolveBaseImage(
            region=stack.region, base=base, architecture=stack.bake.architecture
        )
        what = "Which image is the base?"
        base_image = base.id or await self._run.do(Images.resolve_base_image, resolve, what=what)
        identify = Identify(stack=stack, tag=tag, commit=commit, base_image=base_image)
        what = "What would the image be?"
        identity: BakeIdentity = await self._run.do(Provisioning.identify_bake, identify, what=what)
        return identity
