"""Sentence one: find the image of the tag, or bake it."""

from __future__ import annotations

from temporalio import workflow

from workflows.checklist import sentence
from workflows.run import Run
from workflows.steps.hooks import Hooks
from workflows.steps.shared_bake import SharedBake
from workflows.way_back import Registers
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.images import FindImages
    from activities.images import Images as Activities
    from activities.observer import Observe, Observer
    from domain.continued import Found
    from domain.facts import Facts
    from domain.images import BakeIdentity, reusable
    from domain.undo import UndoBake


class Images:
    def __init__(
        self,
        run: Run,
        facts: Facts,
        world: World,
        way_back: Registers,
        identity: BakeIdentity,
        bake: SharedBake,
        hooks: Hooks,
    ) -> None:
        self.run = run
        self._facts = facts
        self._world = world
        self._way_back = way_back
        self._identity = identity
        self._bake = bake
        self._hooks = hooks

    @sentence("Find the image of the tag, or bake it", phase="baking")
    async def find_or_bake(self) -> Found:
        ours = FindImages(region=self._facts.region, application=self._identity.application)
        images = await self.run.do(Activities.find_images, ours)
        if image := reusable(images, self._identity):
            self.run.checklist.note(f"{image.id} was baked before")
            return Found(image=image, images=tuple(images))
        await self._hooks.ask("pre_bake")
        self._way_back.register(UndoBake(workflow_id=self._identity.workflow_id))
        image = await self._bake.image(self._facts.version.commit)
        self.run.checklist.note(f"{image.id}, baked now")
        await self._look_at_blue()
        return Found(image=image, images=tuple(images))

    async def _look_at_blue(self) -> None:
        """A bake may take hours: blue may have another size by now."""
        if self._facts.blue:
            look = Observe(region=self._facts.region, groups={self._facts.blue.name: ()})
            self._world.saw_some(await self.run.do(Observer.observe, look))
