"""Green serves alone now: Spot instances, the warm pool and the image's protection follow it."""

from __future__ import annotations

from temporalio import workflow

from workflows.policies import QUICK
from workflows.run import Run
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.delivery import Delivery, ProtectImage
    from activities.fleets import DeleteWarmPool, Distribute, Fleets, PutWarmPool
    from domain.facts import Facts
    from domain.models import Group, Image


class ServingAlone:
    """Each change by itself. What AWS refuses is noted and not asked for a day: blue is parked."""

    def __init__(self, run: Run, facts: Facts, world: World) -> None:
        self._run = run
        self._facts = facts
        self._world = world

    async def settle(self, image: Image | None) -> None:
        green = self._world.groups.get(self._facts.green)
        blue = self._world.group_of(self._facts.blue)
        if green and green.mixed:
            await self._let_spot_in(green)
        if blue and blue.warm_pool:
            await self._delete_warm_pool(blue)
        if green and self._facts.stack.capacity.warm_pool:
            await self._put_warm_pool(green)
        if image and not image.protection:
            await self._protect(image)

    async def _let_spot_in(self, green: Group) -> None:
        mixed = self._facts.stack.instance.mixed
        if not mixed:
            return
        distribute = Distribute(
            region=self._facts.region, group=green.name, mixed=mixed, on_demand=False
        )
        what = "Spot instances, as far as the stack wants them"
        call = self._run.certainly(Fleets.distribute, distribute, QUICK, what=what)
        await self._run.attempt(f"let Spot instances into {green.name}", call)

    async def _delete_warm_pool(self, blue: Group) -> None:
        """A parked group would keep its warm pool booted."""
        pool = DeleteWarmPool(region=self._facts.region, group=blue.name)
        what = f"Delete the warm pool of {blue.name}"
        call = self._run.certainly(Fleets.delete_warm_pool, pool, QUICK, what=what)
        await self._run.attempt(f"delete the warm pool of {blue.name}", call)
        if not self._facts.stack.capacity.warm_pool:
            self._run.note(
                f"{blue.name} had a warm pool, and {self._facts.green} has none: "
                "capacity.warm_pool would give it one"
            )

    async def _put_warm_pool(self, green: Group) -> None:
        pool = self._facts.stack.capacity.warm_pool
        assert pool
        put = PutWarmPool(region=self._facts.region, group=green.name, pool=pool)
        what = f"A warm pool for {green.name}"
        call = self._run.certainly(Fleets.put_warm_pool, put, QUICK, what=what)
        await self._run.attempt(f"give {green.name} a warm pool", call)

    async def _protect(self, image: Image) -> None:
        protect = ProtectImage(region=self._facts.region, id=image.id)
        what = f"Protect {image.id} against being deregistered"
        call = self._run.certainly(Delivery.protect_image, protect, QUICK, what=what)
        await self._run.attempt(f"protect {image.id} against being deregistered", call)
