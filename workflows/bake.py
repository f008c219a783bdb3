"""Bake a git tag into an image: six sentences, then wherever it is wanted, and the temporary things are gone however it ends."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.admission import Admission, parsed
from workflows.operator import Operator
from workflows.steps.baking import BakeSteps
from workflows.steps.base import FAILURES, describe, handlers_finished, shielded
from workflows.steps.delivering import DeliveringSteps
from workflows.steps.packing import PackerBuilder

with workflow.unsafe.imports_passed_through():
    from activities.bakes import ABANDONED
    from activities.images import FindImages, Images
    from activities.packer import SIGNAL
    from domain.errors import REFUSED, InvalidRequest
    from domain.images import made
    from domain.models import Image
    from domain.packer import Stage
    from domain.requests import BakeRequest, Message
    from domain.status import Status


# What an image goes through once it is made came with 0.4; a bake that began before is finished as it began.
DELIVERS = "deliver"


@workflow.defn(name="BakeWorkflow")
class BakeWorkflow:
    def __init__(self) -> None:
        self.operator = Operator()
        self.steps: DeliveringSteps | None = None
        self.waiters: set[str] = set()

    @workflow.run
    async def run(self, *values: Any) -> Image:
        async with handlers_finished():
            do = self.steps = await self._admitted(values)
            delivers = workflow.patched(DELIVERS)
            if do.found and not delivers:
                return do.found
            try:
                image = do.found or await self._bake(do)
                if delivers:
                    image = await do.copy_image(await do.finish_image(image))
            except FAILURES as error:
                reason, abandoned = describe(error), self.operator.aborted is not None
                await shielded(self._clean_up(do))
                do.outcome = reason
                do.enter("failed")
                raise ApplicationError(
                    reason, type=ABANDONED if abandoned else "BakeFailed"
                ) from error
            if do.ledger:
                await shielded(do.destroy())
            do.outcome = f"{image.id} is {image.name}"
            do.enter("baked")
            return image

    @staticmethod
    async def _bake(do: BakeSteps) -> Image:
        group = await do.create_security_group()
        await do.launch_instance(group)
        await do.copy_configuration_files()
        await do.pull_code()
        return await do.create_image()

    async def _admitted(self, values: tuple[Any, ...]) -> DeliveringSteps:
        """Raises Refused: nothing was made."""
        admission = Admission(self.operator)
        try:
            request = parsed(BakeRequest, values)
            stack = await admission.read_stack(request.stack)
            commit = request.commit or await admission.resolve_tag(stack, request.tag)
            identity = await admission.identify(stack, request.tag, commit)
            if workflow.info().workflow_id != identity.workflow_id:
                raise InvalidRequest(
                    f"the workflow id of this bake must be {identity.workflow_id}: it is what keeps two of them from making the same image"
                )
            images = await admission.do(
                Images.find_images,
                FindImages(region=stack.region, application=identity.application),
            )
            found = None if request.rebake else made(images, identity)
            steps = DeliveringSteps(
                self.operator, stack, identity, found=found, rebake=request.rebake
            )
            await steps.check()
        except FAILURES as error:
            kind = ABANDONED if self.operator.aborted else REFUSED
            raise ApplicationError(describe(error), type=kind, non_retryable=True) from error
        return steps

    @staticmethod
    async def _clean_up(do: DeliveringSteps) -> None:
        await do.destroy()
        if not do.complete:
            await do.discard_image()

    @workflow.signal(description="A release waits for this bake.")
    def join(self, waiter: str) -> None:
        self.waiters.add(waiter)

    @workflow.signal(
        description="A release does not wait any more; the last to leave ends the bake."
    )
    def leave(self, waiter: str) -> None:
        self.waiters.discard(waiter)
        if not self.waiters:
            self.operator.aborted = Message(
                by=waiter, reason="nobody waits for this image any more"
            )

    @workflow.signal(name=SIGNAL, description="How far Packer is; from the worker that runs it.")
    def packer_is_at(self, *values: Any) -> None:
        """Whatever a worker of another version says, it is only a tick on a list."""
        if (
            self.steps
            and isinstance(self.steps.builder, PackerBuilder)
            and values
            and values[0] in list(Stage)
        ):
            self.steps.builder.stage = Stage(values[0])

    @workflow.query(description="The whole truth about this bake; docs/status.schema.json.")
    def status(self) -> Status:
        return self.steps.status() if self.steps else Status(workflow="bake")
