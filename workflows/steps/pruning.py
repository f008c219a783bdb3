"""Sentence ten: prune all but the last deployments. Nothing here may fail the release."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from temporalio import workflow

from workflows.checklist import sentence
from workflows.failures import shielded
from workflows.policies import QUICK
from workflows.run import Run
from workflows.steps.compensations import GROUP

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import GroupRef
    from activities.groups import Groups
    from activities.images import FindImages, FindUsers, ImageRef, Images
    from activities.templates import TemplateRef, Templates
    from domain.facts import Facts
    from domain.models import Deployment, Image, State
    from domain.retention import images_to_prune, in_the_way, to_prune


class Pruning:
    def __init__(self, run: Run, facts: Facts) -> None:
        self.run = run
        self._facts = facts

    @sentence(
        "Prune all but the last five deployments: groups, templates, images, snapshots",
        phase="pruning",
    )
    async def prune(
        self, deployments: Sequence[Deployment], images: Iterable[Image]
    ) -> tuple[str, ...]:
        """
        `deployments` and `images` are those of the stack and of its application in its own region.

        Returns what is gone. What cannot be pruned is named in the notes, and the next release
        tries it again. A cancel has no effect here.
        """
        return await shielded(self._prune(deployments, images), self.run.note)

    async def _prune(
        self, deployments: Sequence[Deployment], images: Iterable[Image]
    ) -> tuple[str, ...]:
        green = self._facts.green
        serving = [d.name for d in deployments if d.state is State.SERVING]
        if serving != [green]:
            shown = ", ".join(serving) or "nobody"
            self.run.note(f"nothing was pruned: AWS shows {shown} as serving, not {green}")
            self.run.checklist.skip("AWS does not show what it should")
            return ()
        doomed = to_prune(deployments, self._facts.stack.retention.deployments)
        gone = [
            deployment
            for deployment in doomed
            if await self.run.attempt(f"prune {deployment.name}", self._delete(deployment))
        ]
        kept = [deployment for deployment in deployments if deployment not in gone]
        prune = _ImagePruning(self.run, self._facts, kept, gone)
        await self.run.attempt("prune images", prune.of(self._facts.region, images))
        bake = self._facts.stack.bake
        for copy in () if bake.made_by else bake.copies:
            copies = prune.copies_in(copy.region)
            await self.run.attempt(f"prune the copies in {copy.region}", copies)
        counted = f"deployments: {len(gone)}, images: {len(prune.pruned)}"
        self.run.checklist.note(counted if gone or prune.pruned else "nothing to prune")
        return (*(deployment.name for deployment in gone), *prune.pruned)

    async def _delete(self, deployment: Deployment) -> None:
        """
        The template goes before the group, since the next prune looks for groups: what a failed
        prune left is found again. A launch configuration can only go after its group. Neither goes
        where somebody made the group launch from another one.
        """
        region, name, group = self._facts.region, deployment.name, deployment.group
        template = TemplateRef(region=region, name=name)
        if group.launch_template == name:
            what = f"Delete the launch template {name}"
            delete = Templates.delete_launch_template
            await self.run.certainly(delete, template, QUICK, what=what)
            self.run.ledger.gone("launch template", name)
        reference = GroupRef(region=region, name=name)
        what = f"Delete the group {name}"
        await self.run.certainly(Groups.delete_empty_group, reference, QUICK, what=what)
        self.run.ledger.gone(GROUP, name)
        if group.launch_configuration == name:
            what = f"Delete the launch configuration {name}"
            delete = Templates.delete_launch_configuration
            await self.run.certainly(delete, template, QUICK, what=what)
            self.run.ledger.gone("launch configuration", name)


class _ImagePruning:
    """Images that no deployment needs any more. `pruned` are the ids of those that are gone."""

    def __init__(
        self, run: Run, facts: Facts, kept: list[Deployment], gone: list[Deployment]
    ) -> None:
        self._run = run
        self._facts = facts
        self._kept = kept
        self._gone = gone
        self.pruned: list[str] = []

    async def copies_in(self, region: str) -> None:
        """By the same rule: an image that a stack in that region uses is in use."""
        ours = FindImages(region=region, application=self._facts.stack.application.name)
        what = f"Which copies are in {region}?"
        found = await self._run.certainly(Images.find_images, ours, QUICK, what=what)
        await self.of(region, found)

    async def of(self, region: str, images: Iterable[Image]) -> None:
        retention = self._facts.stack.retention
        candidates = images_to_prune(
            images,
            self._kept,
            self._gone,
            now=workflow.now(),
            unreleased=timedelta(days=retention.unreleased_image_days),
            shared=timedelta(days=retention.shared_image_days),
        )
        if not candidates:
            return
        asked = FindUsers(region=region, images=tuple(image.id for image in candidates))
        what = "Who uses these images?"
        users = await self._run.certainly(Images.find_users, asked, QUICK, what=what)
        for image in candidates:
            if why := in_the_way(image, users[image.id]):
                self._run.note(f"{image.id} ({image.name}) stays: {why}")
                continue
            delete = ImageRef(region=region, id=image.id, unprotect=image.protection == "ours")
            what = f"Delete the image {image.name} and its snapshots"
            await self._run.certainly(Images.delete_image, delete, QUICK, what=what)
            self._run.ledger.gone("image", image.id)
            self.pruned.append(image.id)
