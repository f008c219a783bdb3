"""Sentence ten: prune. Nothing here may fail the release either."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from workflows.checklist import step
from workflows.policies import QUICK
from workflows.steps.making import CONFIGURATION, GROUP, TEMPLATE
from workflows.steps.parking import ParkingSteps

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import GroupRef
    from activities.groups import Groups
    from activities.images import FindImages, FindUsers, ImageRef, Images
    from activities.templates import TemplateRef, Templates
    from domain.models import Deployment, Image, State
    from domain.retention import images_to_prune, in_the_way, to_prune


class PruningSteps(ParkingSteps):
    @step(
        "Prune all but the last five deployments: groups, templates, images, snapshots",
        phase="pruning",
    )
    async def prune(self) -> tuple[str, ...]:
        """Returns what is gone. What cannot be pruned stays, is named in the notes, and is tried again by the next release."""
        serving = [
            deployment.name for deployment in self.deployments if deployment.state is State.SERVING
        ]
        if serving != [self.green]:
            self.operator.notes.append(
                f"nothing was pruned: AWS shows {serving or 'nobody'} as serving, not {self.green}"
            )
            self.checklist.skip("AWS does not show what it should")
            return ()
        doomed = to_prune(self.deployments, self.stack.retention.deployments)
        gone = [d for d in doomed if await self.tried(f"prune {d.name}", self._prune_deployment(d))]
        kept = [deployment for deployment in self.deployments if deployment not in gone]
        pruned: list[str] = []
        await self.tried(
            "prune images", self._prune_images(self.region, self.images, kept, gone, pruned)
        )
        for copy in () if self.stack.bake.made_by else self.stack.bake.copies:
            await self.tried(
                f"prune the copies in {copy.region}",
                self._prune_copies(copy.region, kept, gone, pruned),
            )
        self.checklist.note(
            f"deployments: {len(gone)}, images: {len(pruned)}"
            if gone or pruned
            else "nothing to prune"
        )
        return (*(deployment.name for deployment in gone), *pruned)

    async def _prune_deployment(self, deployment: Deployment) -> None:
        """
        The template before the group: what is left of a failed prune must be found again, and groups are what is looked for.

        A configuration only goes once its group has. Neither goes where somebody pointed the group at another one.
        """
        mine = TemplateRef(region=self.region, name=deployment.name)
        if deployment.group.launch_template == deployment.name:
            what = f"Delete the launch template {deployment.name}"
            await self.certainly(Templates.delete_launch_template, mine, QUICK, what=what)
            self.gone(TEMPLATE, deployment.name)
        await self.certainly(
            Groups.delete_empty_group,
            GroupRef(region=self.region, name=deployment.name),
            QUICK,
            what=f"Delete the group {deployment.name}",
        )
        self.gone(GROUP, deployment.name)
        if deployment.group.launch_configuration == deployment.name:
            what = f"Delete the launch configuration {deployment.name}"
            await self.certainly(Templates.delete_launch_configuration, mine, QUICK, what=what)
            self.gone(CONFIGURATION, deployment.name)

    async def _prune_copies(
        self, region: str, kept: list[Deployment], gone: list[Deployment], pruned: list[str]
    ) -> None:
        """By the same rule: what a stack over there uses is in use."""
        asked = FindImages(region=region, application=self.stack.application.name)
        images = await self.certainly(
            Images.find_images, asked, QUICK, what=f"Which copies are in {region}?"
        )
        await self._prune_images(region, images, kept, gone, pruned)

    async def _prune_images(
        self,
        region: str,
        images: list[Image],
        kept: list[Deployment],
        gone: list[Deployment],
        pruned: list[str],
    ) -> None:
        retention = self.stack.retention
        candidates = images_to_prune(
            images,
            kept,
            gone,
            now=workflow.now(),
            unreleased=timedelta(days=retention.unreleased_image_days),
            shared=timedelta(days=retention.shared_image_days),
        )
        if not candidates:
            return
        users: dict[str, list[str]] = await self.certainly(
            Images.find_users,
            FindUsers(region=region, images=tuple(image.id for image in candidates)),
            QUICK,
            what="Who uses these images?",
        )
        for image in candidates:
            if why := in_the_way(image, users[image.id]):
                self.operator.notes.append(f"{image.id} ({image.name}) stays: {why}")
                continue
            await self.certainly(
                Images.delete_image,
                ImageRef(region=region, id=image.id, unprotect=image.protection == "ours"),
                QUICK,
                what=f"Delete the image {image.name} and its snapshots",
            )
            self.gone("image", image.id)
            pruned.append(image.id)
