"""Sentences one to four: from the tag to a green beside blue."""

from __future__ import annotations

from temporalio import workflow

from workflows.checklist import step
from workflows.operator import Operator
from workflows.steps.making import MakingSteps
from workflows.steps.releasing import Admitted
from workflows.steps.shared import SharedBakeSteps

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, Observe
    from activities.images import FindImages, Images
    from domain.images import BakeIdentity, reusable
    from domain.models import Image, Observation
    from domain.requests import BakeRequest
    from domain.status import BakeLink


class LaunchingSteps(SharedBakeSteps, MakingSteps):
    def __init__(self, operator: Operator, admitted: Admitted, identity: BakeIdentity) -> None:
        self.identity = identity
        super().__init__(operator, admitted)

    @step("Find the image of the tag, or bake it", phase="baking")
    async def find_or_bake_image(self) -> Image:
        self.images = await self.do(
            Images.find_images,
            FindImages(region=self.region, application=self.identity.application),
        )
        found = reusable(self.images, self.identity)
        if found:
            self.checklist.note(f"{found.id} was baked before")
            self.image = found
            return found
        await self.run_hooks("pre_bake")
        self.bake = BakeLink(workflow_id=self.identity.workflow_id)
        self.checklist.note(f"baking: {self.identity.workflow_id}")
        self.before(
            "leave the bake",
            self.leave_bake,
            f"temporal workflow cancel --workflow-id {self.identity.workflow_id}",
        )
        self.image = image = await self.baked(
            BakeRequest(
                stack=self.identity.stack or self.stack.name,
                tag=self.version.tag,
                commit=self.version.commit,
            )
        )
        self.checklist.note(f"{image.id}, baked now")
        if self.blue:
            # Hours may have passed since blue was last seen.
            world: Observation = await self.do(
                Balancers.observe, Observe(region=self.region, groups=(self.blue.name,))
            )
            self.groups |= world.groups
        return image

    @step("Create a launch template (or launch configuration) from the image", phase="launching")
    async def create_template(self, image: Image) -> None:
        await self.make_template(image)

    @step("Create an Auto Scaling group from it, as large as blue is now", phase="launching")
    async def create_group(self) -> None:
        await self.pin_blue()
        size = await self.make_group()
        self.checklist.note(f"{self.green}, {size} instances")

    @step("Set its scaling policies", phase="launching")
    async def set_scaling_policies(self) -> None:
        if not await self.make_policies():
            self.checklist.skip(
                "the stack has none that can be set before the attach"
                if self.stack.scaling
                else "the stack has none"
            )
