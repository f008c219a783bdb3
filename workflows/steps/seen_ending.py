"""The last act of every run: a look at who answers. Its outcome says what was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from temporalio import workflow

from workflows.failures import FAILURES, describe
from workflows.run import Run
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.observer import Observe, Observer
    from domain.answering import Place
    from domain.ending import Ending, Promise, gone_back, labels, released
    from domain.facts import Facts


class SeenEnding:
    def __init__(self, run: Run, facts: Facts, world: World) -> None:
        self._run = run
        self._facts = facts
        self._world = world
        self._called = labels(facts.green, facts.version.tag, facts.blue)

    async def after_cutover(self) -> Ending:
        """Does green answer every request?"""
        green = self._facts.green
        return await self._seen(lambda places: released(places, green, self._called))

    async def after_way_back(self) -> Ending:
        """Does blue answer as before, and green nowhere?"""
        facts, now = self._facts, self._world.now
        touched = bool(now.left_at or now.shifted_at)
        promise = Promise(missing=now.blue_missing, was_touched=touched)
        return await self._seen(
            lambda places: gone_back(
                places, facts.green, facts.blue, facts.blue_arns, self._called, promise
            )
        )

    async def _seen(self, judged: Callable[[Sequence[Place]], Ending]) -> Ending:
        """As many looks in a row as a new deployment must be healthy decide that it is broken."""
        for number in range(self._facts.stack.health.reads):
            if number:
                pause = self._run.timeouts.confirm
                await workflow.sleep(pause, summary="until it is looked at again who answers")
            try:
                places = self._world.who_answers_now if not number else None
                ending = judged(await self._look() if places is None else places)
            except FAILURES as error:
                unknown = f"nobody could look who answers: {describe(error)}"
                return Ending(unknown, unknown)
            if not ending.broken:
                break
        return ending

    async def _look(self) -> tuple[Place, ...]:
        facts = self._facts
        groups = {facts.green: facts.green_arns if self._world.now.verified else ()}
        if facts.blue:
            groups[facts.blue.name] = () if self._world.now.left_at else facts.blue_arns
        look = Observe(region=facts.region, groups=groups, wiring=facts.wiring)
        seen = await self._run.certainly(Observer.observe, look, what="Who answers now?")
        return seen.places
