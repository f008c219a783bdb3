"""Bake a git tag into an image. The temporary things are gone however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.admission import refused_on_failure
from workflows.failures import describe, ends_a_run, handlers_finished, shielded
from workflows.inquiries import Inquiries
from workflows.parsing import parsed
from workflows.run import Run
from workflows.steps.building import Building
from workflows.steps.delivering import Delivering
from workflows.steps.native import NativeBuilder
from workflows.steps.over_ssm import OverSsm
from workflows.steps.packing import PackerBuilder
from workflows.steps.temporary import Temporary

with workflow.unsafe.imports_passed_through():
    from activities.bakes import ABANDONED
    from activities.images import FindImages, Images
    from activities.packer import SIGNAL
    from domain.bake import BakeFacts, bake_facts
    from domain.bounded import text_of
    from domain.errors import REFUSED, InvalidRequest
    from domain.images import BakeIdentity, made
    from domain.models import Image
    from domain.packer import Stage
    from domain.requests import BakeRequest, Message
    from domain.status import BakeLink, Status

# Characters: Temporal's limit of a workflow id.
LONGEST_ID = 1_000
SENTENCES = (
    (
        "Create a temporary security group "
        "(Packer: admits this server's address alone; native: admits nobody)"
    ),
    "Launch a temporary instance into the VPC, in that group",
    "Copy the configuration files onto it",
    "Pull the tag's code from GitHub",
    "Create an AMI from it",
    "Destroy the temporary instance and security group",
)


@dataclass(frozen=True)
class Bake:
    """`packer` is the builder where that is Packer."""

    run: Run
    facts: BakeFacts
    temporary: Temporary
    building: Building
    delivering: Delivering
    packer: PackerBuilder | None

    @classmethod
    def of(cls, run: Run, facts: BakeFacts) -> Bake:
        temporary = Temporary(run, facts)
        packer = None
        if facts.stack.bake.builder == "packer":
            packer = PackerBuilder(run, facts, temporary)
        native = NativeBuilder(run, facts, OverSsm(run, facts, temporary, "builder"))
        verifier = OverSsm(run, facts, temporary, "verifier")
        return cls(
            run=run,
            facts=facts,
            temporary=temporary,
            building=Building(run, facts, packer or native),
            delivering=Delivering(run, facts, temporary, verifier),
            packer=packer,
        )

    @asynccontextmanager
    async def cleaned_up_on_failure(self) -> AsyncIterator[None]:
        """Raises ApplicationError: BakeFailed, or Abandoned where nobody waits any more."""
        try:
            yield
        except (Exception, asyncio.CancelledError) as error:
            if not ends_a_run(error, self.run.operator.aborted):
                raise
            reason, abandoned = describe(error), self.run.operator.aborted is not None
            await shielded(self._clean_up())
            self.run.ends("failed", reason)
            raise ApplicationError(reason, type=ABANDONED if abandoned else "BakeFailed") from None

    async def _clean_up(self) -> None:
        await self.temporary.destroy()
        if not self.delivering.complete:
            await self.temporary.discard_image()


@workflow.defn(name="BakeWorkflow")
class BakeWorkflow:
    def __init__(self) -> None:
        self._run = Run("bake", SENTENCES)
        self._bake: Bake | None = None
        self._waiters: set[str] = set()

    @workflow.run
    async def run(self, *values: Any) -> Image:
        async with handlers_finished():
            bake = self._bake = await self._admitted(values)
            async with bake.cleaned_up_on_failure():
                image = bake.facts.found
                if not image:
                    group = await bake.temporary.create_security_group()
                    await bake.building.launch_instance(group)
                    await bake.building.copy_configuration_files()
                    await bake.building.pull_code()
                    image = await bake.building.create_image()
                image = await bake.delivering.finish_image(image)
                image = await bake.delivering.copy_image(image)
            # Nothing was made where the image was found and is complete.
            if self._run.ledger:
                await bake.temporary.destroy()
            self._run.ends("baked", f"{image.id} is {image.name}")
            return image

    async def _admitted(self, values: tuple[Any, ...]) -> Bake:
        """Raises Refused: nothing was made."""
        run, me = self._run, workflow.info()
        with refused_on_failure(run, lambda: ABANDONED if run.operator.aborted else REFUSED):
            request = parsed(BakeRequest, values)
            facts = await self._facts(request)
            bucket = facts.stack.bake.artifacts_bucket
            run.follows(BakeLink(workflow_id=me.workflow_id, log=f"s3://{bucket}/{facts.log}"))
            bake = Bake.of(run, facts)
            await bake.delivering.check()
            if not facts.found:
                await bake.building.check()
        return bake

    async def _facts(self, request: BakeRequest) -> BakeFacts:
        run, ask = self._run, Inquiries(self._run)
        stack = await ask.read_stack(request.stack)
        run.uses(stack)
        commit = request.commit or await ask.resolve_tag(stack, request.tag)
        identity = await ask.identify(stack, request.tag, commit)
        run.is_about(tag=identity.tag, commit=identity.commit)
        self._refuse_another_id(identity)
        ours = FindImages(region=stack.region, application=identity.application)
        images = await run.do(Images.find_images, ours)
        return bake_facts(
            stack,
            identity,
            workflow_id=workflow.info().workflow_id,
            run_id=workflow.info().original_execution_run_id,
            found=None if request.rebake else made(images, identity),
            rebake=request.rebake,
        )

    @staticmethod
    def _refuse_another_id(identity: BakeIdentity) -> None:
        if workflow.info().workflow_id != identity.workflow_id:
            raise InvalidRequest(
                f"the workflow id of this bake must be {identity.workflow_id}: "
                "it is what keeps two of them from making the same image"
            )

    @workflow.signal(description="A release waits for this bake.")
    def join(self, *values: Any) -> None:
        self._waiters.add(_waiter(values))

    @workflow.signal(description="A release does not wait any more; the last to leave ends it.")
    def leave(self, *values: Any) -> None:
        waiter = _waiter(values)
        self._waiters.discard(waiter)
        if not self._waiters:
            reason = "nobody waits for this image any more"
            self._run.operator.aborts(Message(by=waiter, reason=reason))

    @workflow.signal(name=SIGNAL, description="How far Packer is, from the worker that runs it.")
    def packer_is_at(self, *values: Any) -> None:
        """A value that this version does not know only leaves a bullet unticked for a while."""
        if self._bake and self._bake.packer and values and values[0] in list(Stage):
            self._bake.packer.reached(Stage(values[0]))

    @workflow.query(description="This bake, as docs/status.schema.json describes it.")
    def status(self, *_: Any) -> Status:
        return self._run.status()


def _waiter(values: tuple[Any, ...]) -> str:
    """A release's workflow id; whatever else comes is a waiter too, and has to leave as it came."""
    return text_of(values[0] if values else "unknown", LONGEST_ID)
