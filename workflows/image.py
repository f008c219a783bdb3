"""An image and no release: bake a tag ahead of time, or anew because its base image has changed."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.admission import refused_on_failure
from workflows.checklist import sentence
from workflows.failures import FAILURES, describe, handlers_finished, shielded
from workflows.inquiries import Inquiries
from workflows.parsing import parsed
from workflows.run import Run
from workflows.steps.shared_bake import SharedBake

with workflow.unsafe.imports_passed_through():
    from domain.config import Stack
    from domain.errors import InvalidRequest
    from domain.images import BakeIdentity, reusable
    from domain.models import Baked, Image, State
    from domain.requests import ImageRequest
    from domain.status import Status

SENTENCES = ("Find the image of the tag, or bake it",)


class ImageOf:
    """`found` is the image of the tag, if there is one that the stack can use."""

    def __init__(
        self,
        run: Run,
        stack: Stack,
        identity: BakeIdentity,
        found: Image | None,
        bake: SharedBake,
    ) -> None:
        self.run = run
        self._stack = stack
        self._identity = identity
        self._found = found
        self._bake = bake

    @sentence("Find the image of the tag, or bake it", phase="baking")
    async def find_or_bake(self, *, rebake: bool) -> Baked:
        if self._found and not rebake and not self._wanted_elsewhere:
            self.run.checklist.note(f"{self._found.id} was baked before")
            return Baked(stack=self._stack.name, image=self._found, baked=False)
        again = workflow.info().run_id if rebake else ""
        image = await self._bake.image(self._identity.commit, again)
        made = rebake or self._found is None or image.id != self._found.id
        return Baked(stack=self._stack.name, image=image, baked=made)

    @property
    def _wanted_elsewhere(self) -> bool:
        """Then the bake sees to it that the image is in each region, and shared."""
        return bool(self._stack.bake.copies or self._stack.bake.share_with)


@workflow.defn(name="ImageWorkflow")
class ImageWorkflow:
    """It holds no lock, because nothing of the stack is changed."""

    def __init__(self) -> None:
        self._run = Run("image", SENTENCES)

    @workflow.run
    async def run(self, *values: Any) -> Baked:
        async with handlers_finished():
            with refused_on_failure(self._run):
                request = parsed(ImageRequest, values)
                stack, identity, found = await self._looked_up(request)
            bake = SharedBake(self._run, stack, identity)
            image = ImageOf(self._run, stack, identity, found, bake)
            try:
                return await image.find_or_bake(rebake=request.rebake)
            except FAILURES as error:
                await shielded(bake.leave())
                raise ApplicationError(
                    describe(error), type="BakeFailed", non_retryable=True
                ) from error

    async def _looked_up(self, request: ImageRequest) -> tuple[Stack, BakeIdentity, Image | None]:
        ask = Inquiries(self._run)
        stack = await ask.read_stack(request.stack)
        self._run.uses(stack)
        tag = request.tag or await _tag_that_serves(ask, stack)
        identity = await ask.identify_tag(stack, tag)
        self._run.is_about(tag=tag, commit=identity.commit)
        return stack, identity, reusable(await ask.find_images(stack), identity)

    @workflow.query(description="This run, as docs/status.schema.json describes it.")
    def status(self, *_: Any) -> Status:
        return self._run.status()


async def _tag_that_serves(ask: Inquiries, stack: Stack) -> str:
    deployments = await ask.find_deployments(stack)
    serving = [d.tag for d in deployments if d.state is State.SERVING]
    if not serving:
        raise InvalidRequest(f"nothing serves {stack.name}: say which tag is to be baked")
    return serving[0]
