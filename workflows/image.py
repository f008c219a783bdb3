"""An image and no release: bake a tag ahead of time, or anew because its base image or recipe has changed."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.admission import Admission, parsed
from workflows.checklist import step
from workflows.operator import Operator
from workflows.steps.base import FAILURES, Steps, describe, handlers_finished, shielded
from workflows.steps.shared import SharedBakeSteps

with workflow.unsafe.imports_passed_through():
    from domain.config import Stack
    from domain.errors import REFUSED, InvalidRequest
    from domain.images import BakeIdentity, reusable
    from domain.models import Baked, Image, State
    from domain.requests import BakeRequest, ImageRequest
    from domain.status import BakeLink, Status


class ImageSteps(SharedBakeSteps):
    kind = "image"

    def __init__(
        self, operator: Operator, stack: Stack, identity: BakeIdentity, found: Image | None
    ) -> None:
        self.stack, self.identity, self.found, self.timeouts = (
            stack,
            identity,
            found,
            stack.timeouts,
        )
        self.bake: BakeLink | None = None
        super().__init__(operator)

    @step("Find the image of the tag, or bake it", phase="baking")
    async def find_or_bake_image(self, *, rebake: bool) -> Baked:
        if self.found and not rebake and not self._wanted_elsewhere:
            self.checklist.note(f"{self.found.id} was baked before")
            return Baked(stack=self.stack.name, image=self.found, baked=False)
        self.bake = BakeLink(workflow_id=self.identity.workflow_id)
        self.checklist.note(f"baking: {self.identity.workflow_id}")
        request = BakeRequest(
            stack=self.identity.stack or self.stack.name,
            tag=self.identity.tag,
            commit=self.identity.commit,
            rebake=workflow.info().run_id if rebake else "",
        )
        image = await self.baked(request)
        return Baked(
            stack=self.stack.name,
            image=image,
            baked=rebake or self.found is None or image.id != self.found.id,
        )

    @property
    def _wanted_elsewhere(self) -> bool:
        """Then the bake looks whether it is there, and brings it where it is not."""
        return bool(self.stack.bake.copies or self.stack.bake.share_with)

    def status(self) -> Status:
        return (
            super()
            .status()
            .model_copy(
                update={
                    "stack": self.stack.name,
                    "tag": self.identity.tag,
                    "commit": self.identity.commit,
                    "bake": self.bake,
                }
            )
        )


@workflow.defn(name="ImageWorkflow")
class ImageWorkflow:
    """It holds no lock: nothing of the stack is changed."""

    def __init__(self) -> None:
        self.steps: Steps | None = None

    @workflow.run
    async def run(self, *values: Any) -> Baked:
        async with handlers_finished():
            do, request = await self._admitted(values)
            self.steps = do
            try:
                return await do.find_or_bake_image(rebake=request.rebake)
            except FAILURES as error:
                await shielded(do.leave_bake())
                raise ApplicationError(
                    describe(error), type="BakeFailed", non_retryable=True
                ) from error

    @staticmethod
    async def _admitted(values: tuple[Any, ...]) -> tuple[ImageSteps, ImageRequest]:
        """Raises Refused: nothing was done."""
        operator = Operator()
        admission = Admission(operator)
        try:
            request = parsed(ImageRequest, values)
            stack = await admission.read_stack(request.stack)
            tag = request.tag or await _tag_that_serves(admission, stack)
            identity = await admission.identify_tag(stack, tag)
            images = await admission.find_images(stack)
        except FAILURES as error:
            raise ApplicationError(describe(error), type=REFUSED, non_retryable=True) from error
        return ImageSteps(operator, stack, identity, reusable(images, identity)), request

    @workflow.query(description="The whole truth about it; docs/status.schema.json.")
    def status(self) -> Status:
        return self.steps.status() if self.steps else Status(workflow="image")


async def _tag_that_serves(admission: Admission, stack: Stack) -> str:
    deployments = await admission.find_deployments(stack)
    serving = [deployment.tag for deployment in deployments if deployment.state is State.SERVING]
    if not serving:
        raise InvalidRequest(f"nothing serves {stack.name}: say which tag is to be baked")
    return serving[0]
