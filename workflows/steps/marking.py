"""Mark which deployment serves: before blue goes to size zero, and while there is a way back."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.failures import caused_by
from workflows.policies import longer
from workflows.run import Run
from workflows.way_back import Registers
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import MarkGroups
    from activities.groups import Groups
    from activities.observer import Observe, Observer
    from domain import marks, names
    from domain.errors import Conflict, TerminalError
    from domain.facts import Facts
    from domain.undo import UndoMark


class Marking:
    """A run whose marks AWS does not take, or does not show, has not cut over: it goes back."""

    def __init__(self, run: Run, facts: Facts, world: World, way_back: Registers) -> None:
        self._run = run
        self._facts = facts
        self._world = world
        self._way_back = way_back

    def prepare(self) -> None:
        """
        Before blue loses traffic, so that its undo comes after the one that brings blue back.

        Where blue cannot be brought back, the marks go on saying that green serves.
        """
        self._way_back.register(UndoMark(tags=marks.before_cutover(self._facts)))

    async def mark(self) -> None:
        tags = marks.of_cutover(self._facts, self._world.group_of(self._facts.blue), workflow.now())
        mark = MarkGroups(region=self._facts.region, tags=tags)
        self._world.marks(tried=True)
        try:
            await self._run.do(Groups.mark, mark, what="Mark who serves and who is parked")
        except ActivityError as error:
            # It is one call. What AWS refuses would be refused on the way back too.
            if caused_by(error, *TerminalError.__subclasses__()):
                self._world.marks(tried=False)
            raise

    async def until_seen(self) -> None:
        """No further look where blue drained: those looks show the marks. Raises Conflict."""
        interval = self._run.timeouts.first_poll
        with self._run.timed("marks") as stopwatch:
            while wrong := self._not_seen():
                if stopwatch.seconds > self._run.timeouts.consistency_grace:
                    raise Conflict(f"AWS took the marks of who serves, and does not show {wrong}")
                await self._look()
                if self._not_seen():
                    await self._run.operator.wait(interval, summary="until the marks are seen")
                    interval = longer(interval, self._run.timeouts.poll)

    def _not_seen(self) -> str:
        """Which mark the last look did not show; empty where it showed all."""
        wanted = marks.states(
            marks.of_cutover(self._facts, self._world.group_of(self._facts.blue), workflow.now())
        )
        groups = self._world.groups
        missing = {
            name: state
            for name, state in wanted.items()
            if name not in groups or groups[name].tags.get(names.STATE) != state
        }
        return ", ".join(f"{name} as {state}" for name, state in missing.items())

    async def _look(self) -> None:
        names_ = (self._facts.green, *([self._facts.blue.name] if self._facts.blue else []))
        look = Observe(region=self._facts.region, groups=dict.fromkeys(names_, ()))
        seen = await self._run.do(Observer.observe, look, what="Are the marks seen?")
        self._world.saw_marks(seen)
