"""The last act of every run: a look at who answers. Its outcome says what was seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from temporalio import workflow

from workflows.failures import FAILURES, describe
from workflows.policies import certain
from workflows.run import Run
from workflows.steps.mending import Mending
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.observer import Observe, Observer
    from domain.answering import Place
    from domain.ending import Ending, Promise, gone_back, labels, released
    from domain.facts import Facts


Judged = Callable[[Sequence[Place]], Ending]


class SeenEnding:
    def __init__(self, run: Run, facts: Facts, world: World, mending: Mending) -> None:
        self._run = run
        self._facts = facts
        self._world = world
        self._mending = mending
        self._called = labels(facts.green, facts.version.tag, facts.blue)

    async def after_cutover(self) -> Ending:
        """Does green answer every request?"""

        def judged(places: Sequence[Place]) -> Ending:
            return released(places, self._facts.green, self._called)

        return await self._mended(judged, self._mending.bring_green_back)

    async def after_way_back(self, complete: bool) -> Ending:
        """Does blue answer as before, and green nowhere? `complete`: everything was undone."""
        facts, now = self._facts, self._world.now
        touched = bool(now.left_at or now.shifted_at)
        promise = Promise(
            missing=now.blue_missing, was_touched=touched, weighted=bool(facts.routing)
        )

        def judged(places: Sequence[Place]) -> Ending:
            called, arns = self._called, facts.blue_arns
            return gone_back(places, facts.green, facts.blue, arns, called, promise)

        if not complete:
            return await self._seen(judged)
        return await self._mended(judged, self._mending.bring_blue_back)

    async def _mended(self, judged: Judged, mend: Callable[[], Awaitable[None]]) -> Ending:
        """What somebody has changed since the run was done with it is put right once."""
        ending = await self._seen(judged)
        if not ending.broken or ending.unknown:
            return ending
        self._run.note(f"{ending.broken}: somebody changed what this run had left")
        try:
            await mend()
        except FAILURES as error:
            self._run.note(f"it cannot be put right: {describe(error)}")
        return await self._seen(judged, anew=True)

    async def _seen(self, judged: Judged, *, anew: bool = False) -> Ending:
        """As many looks in a row as a new deployment must be healthy decide that it is broken."""
        for number in range(self._facts.stack.health.reads):
            if number:
                pause = self._run.timeouts.confirm
                await workflow.sleep(pause, summary="until it is looked at again who answers")
            try:
                known = None if number or anew else self._world.who_answers_now
                ending = judged(await self._look() if known is None else known)
            except FAILURES as error:
                unknown = f"nobody could look who answers: {describe(error)}"
                return Ending(unknown, unknown, unknown=True)
            if not ending.broken:
                break
        return ending

    async def _look(self) -> tuple[Place, ...]:
        facts = self._facts
        groups = {facts.green: facts.green_arns if self._world.now.verified else ()}
        if facts.blue:
            groups[facts.blue.name] = () if self._world.now.left_at else facts.blue_arns
        look = Observe(region=facts.region, groups=groups, wiring=facts.wiring)
        # The lock is held meanwhile: no longer than a new deployment has to become healthy.
        limit = min(self._run.timeouts.healthy, self._run.timeouts.way_back)
        pace, what = certain(limit), "Who answers now?"
        seen = await self._run.certainly(Observer.observe, look, pace, what=what)
        return seen.places
