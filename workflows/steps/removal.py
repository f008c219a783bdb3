"""Judge what is surplus in a stack, and remove it: groups, templates, images, snapshots."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from datetime import timedelta
from typing import Any

from temporalio import workflow

from workflows.failures import FAILURES, caused_by, describe
from workflows.policies import QUICK
from workflows.run import Run
from workflows.steps.compensations import GROUP

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import GroupRef
    from activities.groups import Groups
    from activities.images import FindImages, FindUsers, ImageRef, Images
    from activities.templates import TemplateRef, Templates
    from domain.config import Stack
    from domain.errors import TerminalError
    from domain.models import Deployment, Image
    from domain.retention import (
        Verdict,
        go_with,
        in_the_way,
        judge_deployments,
        to_prune,
        why_an_image_goes,
        why_an_image_stays,
    )

# As `Run.do` or `Run.certainly`.
Call = Callable[..., Awaitable[Any]]


class _NoAnswerError(Exception):
    """AWS has not answered for the time of a call. The rest is left to the next prune."""


class Removal:
    """
    `images` are always those of the application in the stack's own region. `may_remove` is called
    before each removal, and raises where what was read must be read again.

    `verdicts` has what was judged last, and everything that is gone. `failures` says what could not
    be done. `begun`: something may be gone.
    """

    def __init__(
        self, run: Run, stack: Stack, call: Call, may_remove: Callable[[], None] = lambda: None
    ) -> None:
        self._run = run
        self._stack = stack
        self._call = call
        self._may_remove = may_remove
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        self.failures: list[str] = []
        self.begun = False

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(self._verdicts.values())

    @property
    def gone(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.verdict == "gone")

    @property
    def outcome(self) -> str:
        return self.count() if self.gone else "nothing to prune"

    def count(self) -> str:
        kinds = [verdict.kind for verdict in self.gone]
        return f"deployments: {kinds.count('deployment')}, images: {kinds.count('image')}"

    async def judge(self, deployments: Collection[Deployment], images: Iterable[Image]) -> None:
        """As if all that goes were gone. It changes nothing."""
        self._judge_deployments(deployments)
        gone = to_prune(deployments, self._stack.retention.deployments)
        await self._judge_images(self._stack.region, images, deployments, gone)
        for region in self._regions_of_copies():
            await self._judge_images(region, await self._copies(region), deployments, gone)

    async def remove(self, deployments: Collection[Deployment], images: Iterable[Image]) -> None:
        """What AWS refuses to remove stays, and does not keep the rest."""
        self.failures.clear()
        self._judge_deployments(deployments)
        try:
            gone = [
                deployment
                for deployment in to_prune(deployments, self._stack.retention.deployments)
                if await self._removes(deployment.name, self._delete(deployment))
            ]
            home = self._remove_images(self._stack.region, images, deployments, gone)
            await self._attempt("prune images", home)
            for region in self._regions_of_copies():
                copies = self._remove_copies(region, deployments, gone)
                await self._attempt(f"prune the copies in {region}", copies)
        except _NoAnswerError:
            self._run.note("the rest is left to the next prune")

    def _regions_of_copies(self) -> Iterator[str]:
        bake = self._stack.bake
        return (copy.region for copy in (() if bake.made_by else bake.copies))

    def _judge_deployments(self, deployments: Collection[Deployment]) -> None:
        """The first of all verdicts. Only what is gone by then is remembered."""
        self._verdicts = {(v.region, v.name): v for v in self.gone}
        stack = self._stack
        self._say(judge_deployments(deployments, stack.retention.deployments, stack.region))

    def _say(self, verdicts: Iterable[Verdict]) -> None:
        self._verdicts |= {(verdict.region, verdict.name): verdict for verdict in verdicts}

    async def _judge_images(
        self,
        region: str,
        images: Iterable[Image],
        deployments: Collection[Deployment],
        gone: Collection[Deployment],
    ) -> list[Image]:
        """Those that go."""
        kept = [deployment for deployment in deployments if deployment not in gone]
        retention, now = self._stack.retention, workflow.now()
        unreleased = timedelta(days=retention.unreleased_image_days)
        shared = timedelta(days=retention.shared_image_days)
        known = list(images)
        stays = {
            image.id: why_an_image_stays(
                image, kept, gone, now=now, unreleased=unreleased, shared=shared
            )
            for image in known
        }
        candidates = [image for image in known if not stays[image.id]]
        users = await self._users(region, candidates, go_with(gone)) if candidates else {}
        for image in candidates:
            if why := in_the_way(image, users[image.id]):
                stays[image.id] = why
                self._run.note(f"{image.id} ({image.name}) stays: {why}")
        self._say(
            Verdict(
                kind="image",
                name=image.id,
                tag=image.tag,
                region=region,
                verdict="stays" if stays[image.id] else "goes",
                why=stays[image.id] or why_an_image_goes(image, gone, unreleased),
            )
            for image in sorted(known, key=lambda image: image.created_at, reverse=True)
        )
        return [image for image in candidates if not stays[image.id]]

    async def _users(
        self, region: str, images: Iterable[Image], going: Collection[str]
    ) -> dict[str, list[str]]:
        asked = FindUsers(region=region, images=tuple(image.id for image in images))
        what = "Who uses these images?"
        found = await self._call(Images.find_users, asked, QUICK, what=what)
        return {
            image: [user for user in users if user not in going] for image, users in found.items()
        }

    async def _copies(self, region: str) -> list[Image]:
        """By the same rule: an image that a stack in that region uses is in use."""
        ours = FindImages(region=region, application=self._stack.application.name)
        what = f"Which copies are in {region}?"
        found: list[Image] = await self._call(Images.find_images, ours, QUICK, what=what)
        return found

    async def _remove_copies(
        self, region: str, deployments: Collection[Deployment], gone: Collection[Deployment]
    ) -> None:
        await self._remove_images(region, await self._copies(region), deployments, gone)

    async def _remove_images(
        self,
        region: str,
        images: Iterable[Image],
        deployments: Collection[Deployment],
        gone: Collection[Deployment],
    ) -> None:
        for image in await self._judge_images(region, images, deployments, gone):
            await self._removes(image.id, self._delete_image(region, image), region)

    async def _delete_image(self, region: str, image: Image) -> None:
        delete = ImageRef(region=region, id=image.id, unprotect=image.protection == "ours")
        what = f"Delete the image {image.name} and its snapshots"
        await self._delete_by(Images.delete_image, delete, what)
        self._run.ledger.gone("image", image.id)

    async def _delete(self, deployment: Deployment) -> None:
        """
        The template goes before the group, since the next prune looks for groups: what a failed
        prune left is found again. A launch configuration can only go after its group. Neither goes
        where somebody made the group launch from another one.
        """
        region, name, group = self._stack.region, deployment.name, deployment.group
        template = TemplateRef(region=region, name=name)
        if group.launch_template == name:
            what = f"Delete the launch template {name}"
            await self._delete_by(Templates.delete_launch_template, template, what)
            self._run.ledger.gone("launch template", name)
        reference = GroupRef(region=region, name=name)
        await self._delete_by(Groups.delete_empty_group, reference, f"Delete the group {name}")
        self._run.ledger.gone(GROUP, name)
        if group.launch_configuration == name:
            what = f"Delete the launch configuration {name}"
            await self._delete_by(Templates.delete_launch_configuration, template, what)
            self._run.ledger.gone("launch configuration", name)

    async def _delete_by(self, activity: Any, request: Any, what: str) -> None:
        self._run.operator.raise_if_aborted()
        self._may_remove()
        self.begun = True
        await self._call(activity, request, QUICK, what=what)

    async def _removes(self, name: str, work: Awaitable[None], region: str = "") -> bool:
        """Is it gone now?"""
        region = region or self._stack.region
        why_not = await self._attempt(f"prune {name}", work)
        known = self._verdicts[region, name]
        change = {"verdict": "left", "why": why_not} if why_not else {"verdict": "gone"}
        self._verdicts[region, name] = known.model_copy(update=change)
        return not why_not

    async def _attempt(self, what: str, work: Awaitable[None]) -> str:
        """Why it could not be done; empty where it was. Raises Aborted, _NoAnswerError."""
        try:
            await work
        except FAILURES as error:
            self._run.operator.raise_if_aborted()
            why = describe(error)
            self.failures.append(f"could not {what}: {why}")
            self._run.note(self.failures[-1])
            if not caused_by(error, *TerminalError.__subclasses__()):
                raise _NoAnswerError from error
            return why
        return ""
