"""Sentences nine and ten, behind the point of no return: park, prune. Nothing here may fail the release: the tag serves."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from workflows.checklist import step
from workflows.policies import QUICK
from workflows.steps.base import FAILURES, describe
from workflows.steps.cutover import DRAIN_AND_PARK, SLOWEST_LOOK
from workflows.steps.releasing import ReleasingSteps

with workflow.unsafe.imports_passed_through():
    from activities.groups import GroupRef, Groups, MarkGroups, OfStack, Resize
    from activities.images import FindUsers, ImageRef, Images
    from activities.templates import TemplateRef, Templates
    from domain import names
    from domain.models import Deployment, Image, State
    from domain.retention import images_to_prune, to_prune


class RetiringSteps(ReleasingSteps):
    @step(DRAIN_AND_PARK, phase="parking")
    async def park(self) -> None:
        """
        Tags first: whatever happens then, the next release knows who serves. Launch is not suspended in what is parked.

        Its maximum is zero as well: a policy on the balancer's requests would wake it with green's load.
        """
        await self._tried("park the old deployment", self._park())

    async def _park(self) -> None:
        serving = {names.STATE: State.SERVING.value, names.SERVED_AT: workflow.now().isoformat()}
        marks = {self.green: serving}
        blue = self.groups.get(self.blue.name) if self.blue else None
        if blue:
            original = self.blue.group.min if self.blue else blue.min
            marks[blue.name] = {
                names.STATE: State.PARKED.value, names.RESTORE_MIN: str(original), names.RESTORE_MAX: str(blue.max),
                names.RESTORE_DESIRED: str(blue.desired),
            }  # fmt: skip
        await self.certainly(Groups.mark, MarkGroups(region=self.region, tags=marks), what="Mark who serves and who is parked")
        if blue:
            await self.certainly(
                Groups.resize, Resize(region=self.region, group=blue.name, min=0, max=0, desired=0), what=f"{blue.name} to size zero"
            )
        green = self.groups.get(self.green)
        if green and green.min > self.stack.capacity.min:
            least = self.stack.capacity.min
            await self.certainly(
                Groups.resize, Resize(region=self.region, group=self.green, min=least), what=f"{self.green} may scale in again"
            )
            self.groups[self.green] = green.model_copy(update={"min": least})
        await self._until_blue_is_empty()
        self.checklist.note(f"{blue.name} is parked" if blue else "nothing served before")

    @step("Prune all but the last five deployments: groups, templates, images, snapshots", phase="pruning")
    async def prune(self) -> tuple[str, ...]:
        """Returns what is gone. What cannot be pruned stays, is named in the notes, and is tried again by the next release."""
        serving = [deployment.name for deployment in self.deployments if deployment.state is State.SERVING]
        if serving != [self.green]:
            self.operator.notes.append(f"nothing was pruned: AWS shows {serving or 'nobody'} as serving, not {self.green}")
            self.checklist.skip("AWS does not show what it should")
            return ()
        doomed = to_prune(self.deployments, self.stack.retention.deployments)
        gone = [d for d in doomed if await self._tried(f"prune {d.name}", self._prune_deployment(d))]
        kept = [deployment for deployment in self.deployments if deployment not in gone]
        candidates = images_to_prune(
            self.images, kept, gone, now=workflow.now(), unreleased=timedelta(days=self.stack.retention.unreleased_image_days)
        )
        pruned: list[str] = []
        if candidates:
            await self._tried("prune images", self._prune_images(candidates, pruned))
        self.checklist.note(f"deployments: {len(gone)}, images: {len(pruned)}" if gone or pruned else "nothing to prune")
        return (*(deployment.name for deployment in gone), *pruned)

    async def _until_blue_is_empty(self) -> None:
        """The same read serves the prune: all deployments of the stack. What does not end in time is noted, and left to AWS."""
        interval = min(self.patience.first_look, 0.3)
        deadline = workflow.time() + self.patience.drain
        while True:
            if self.blue:
                await workflow.sleep(interval, summary="until blue is looked at again")
            self.deployments = tuple(
                await self.certainly(
                    Groups.find_deployments, OfStack(region=self.region, stack=self.stack.name), what="Wait until blue is empty"
                )
            )
            blue = next((d for d in self.deployments if self.blue and d.name == self.blue.name), None)
            if blue is None or not blue.group.instances:
                return
            self.groups[blue.name] = blue.group
            words = f"{len(blue.group.instances)} instances of {blue.name} are ending"
            if workflow.time() > deadline:
                self.operator.notes.append(f"{words}, after {self.patience.drain:.0f} s still: is one protected from scale-in?")
                return
            self.checklist.note(words)
            interval = min(SLOWEST_LOOK, interval * 1.5)

    async def _prune_deployment(self, deployment: Deployment) -> None:
        """
        The template before the group: what is left of a failed prune must be found again, and groups are what is looked for.

        A configuration only goes once its group has. Neither goes where somebody pointed the group at another one.
        """
        mine = TemplateRef(region=self.region, name=deployment.name)
        if deployment.group.launch_template == deployment.name:
            what = f"Delete the launch template {deployment.name}"
            await self.certainly(Templates.delete_launch_template, mine, QUICK, what=what)
        await self.certainly(
            Groups.delete_empty_group, GroupRef(region=self.region, name=deployment.name), QUICK, what=f"Delete the group {deployment.name}"
        )
        if deployment.group.launch_configuration == deployment.name:
            what = f"Delete the launch configuration {deployment.name}"
            await self.certainly(Templates.delete_launch_configuration, mine, QUICK, what=what)

    async def _prune_images(self, candidates: list[Image], pruned: list[str]) -> None:
        users: dict[str, list[str]] = await self.certainly(
            Images.find_users, FindUsers(region=self.region, images=tuple(image.id for image in candidates)), QUICK,
            what="Who uses these images?",
        )  # fmt: skip
        for image in candidates:
            if using := users[image.id]:
                self.operator.notes.append(f"{image.id} ({image.name}) stays: it is used by {', '.join(using[:3])}")
                continue
            await self.certainly(
                Images.delete_image,
                ImageRef(region=self.region, id=image.id),
                QUICK,
                what=f"Delete the image {image.name} and its snapshots",
            )
            pruned.append(image.id)

    async def _tried(self, what: str, work: object) -> bool:
        try:
            await work  # type: ignore[misc]
        except FAILURES as error:
            self.operator.notes.append(f"could not {what}: {describe(error)}")
            return False
        return True
