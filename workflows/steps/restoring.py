"""Bring what must serve back to where it was: for the way back and for the sweep."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio import workflow

from workflows.policies import longer
from workflows.run import Run
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, Membership
    from activities.group_requests import Resize
    from activities.groups import Groups
    from activities.observer import Observe, Observer
    from domain import capacity, health
    from domain.answering import Wiring, answers, fewest
    from domain.config import Stack
    from domain.errors import NotRestored
    from domain.models import Group
    from domain.observation import Observation

# Seconds. A wait that may last a day must not fill the history.
LONGEST_INTERVAL = 300.0


@dataclass(frozen=True)
class Back:
    """
    A group that must serve in `target_groups`, and `beside` it those that serve meanwhile.

    `before` is the group as it was before the run. `missing` is how many of its units were not
    healthy then, None where nobody looked. `has_left`: it was told to leave the load balancer.
    What is beside it counts for its size only where it grew beyond `given`.
    """

    name: str
    target_groups: tuple[str, ...]
    beside: tuple[str, ...] = ()
    before: Group | None = None
    missing: int | None = None
    has_left: bool = False
    given: int = 0


class _Way:
    """
    How far one is back. It must be fit `wanted` times in a row: once, where it never left.

    `registers`: it may be attached anew, so that Auto Scaling registers its instances again.
    """

    def __init__(self, reads: int, back: Back) -> None:
        self._reads = reads
        self.asked = not back.has_left
        self.wanted = reads if back.has_left else 1
        self.missing = back.missing
        self.registers = True
        self.streak = 0

    def attached(self) -> None:
        self.asked, self.streak, self.wanted = True, 0, self._reads


class Restoring:
    """`time_limit` is how many seconds AWS may refuse."""

    def __init__(
        self, run: Run, stack: Stack, wiring: Wiring, world: World, time_limit: float
    ) -> None:
        self._run = run
        self._stack = stack
        self._wiring = wiring
        self._world = world
        self._time_limit = time_limit

    async def restore(self, back: Back) -> Observation:
        """
        Until the group is attached, as large as what is needed now, and as healthy as it was.

        What has left must be healthy as many reads in a row as a new deployment, since AWS still
        shows the old state right after a detach. It is attached again whenever a look shows that it
        is not, since a detach that hung may take effect late. What never left is not waited for
        where `beside` answers nobody: nobody loses anything. Returns the last look. Raises
        NotRestored after the time limit, or where the group is gone. Time in which no worker was up
        does not count.
        """
        interval, way = self._run.timeouts.first_poll, _Way(self._stack.health.reads, back)
        with self._run.timed(f"{back.name} back") as stopwatch:
            waited, pause = stopwatch.seconds, 0.0
            while True:
                seen = await self._look(back)
                group = seen.groups[back.name]
                waited = stopwatch.without_outage(waited + pause)
                if not way.asked or not set(back.target_groups) <= set(group.target_groups):
                    first = not way.asked
                    await self._attach(back)
                    way.attached()
                    pause = 0.0
                    if not first:
                        # Somebody takes it out again and again, or AWS shows an old state.
                        self._refuse_when_late(group, 0, waited)
                        pause = await self._pause(0, interval)
                        interval = longer(interval, LONGEST_INTERVAL)
                    continue
                if not back.has_left and not _answer(seen, back.beside):
                    return seen
                if await self._serves(back, seen, way, waited):
                    return seen
                self._refuse_when_late(group, way.streak, waited)
                pause = await self._pause(way.streak, interval)
                interval = longer(interval, LONGEST_INTERVAL)

    async def _serves(self, back: Back, seen: Observation, way: _Way, waited: float) -> bool:
        """Often enough in a row?"""
        group = seen.groups[back.name]
        if way.registers and self._lost_its_targets(group, waited):
            await self._detach(back)
            way.asked = way.registers = False
        grows = await self._grown(back, seen)
        way.missing = self._missing(way.missing, back, seen, waited)
        fit = way.asked and not grows and self._is_fit(back, seen, way.missing)
        way.streak = way.streak + 1 if fit else 0
        return way.streak >= way.wanted

    def _missing(
        self, known: int | None, back: Back, seen: Observation, waited: float
    ) -> int | None:
        """
        What serves already is as good as it was. Where nobody has looked before it left, it has as
        long as a new deployment to become healthy, and is then as good as it is; and so is what was
        better, and answers with as many by then as what serves meanwhile.
        """
        long_enough = waited >= min(self._run.timeouts.healthy, self._time_limit)
        group = seen.groups[back.name]
        units = health.health_of(group).units
        if not units or ((known is not None or back.has_left) and not long_enough):
            return known
        meanwhile = max((fewest(seen.places, name) for name in back.beside), default=0)
        if known is not None and units < meanwhile:
            return known
        return group.desired - units

    def _is_fit(self, back: Back, seen: Observation, missing: int | None) -> bool:
        """In a target group that no listener uses, no health check will ever run."""
        group = seen.groups[back.name]
        found = health.health_of(group)
        if found.unused:
            return not seen.places or answers(seen.places, back.name)
        return found.units >= capacity.least(group, missing or 0)

    def _refuse_when_late(self, group: Group, streak: int, waited: float) -> None:
        explained = health.health_of(group).explained
        if not streak and waited > self._time_limit:
            raise NotRestored(f"{group.name} did not become healthy again: {explained}")
        self._run.checklist.note(f"{group.name}: {explained}")

    async def _pause(self, streak: int, interval: float) -> float:
        """Returns its seconds."""
        self._run.chain.checkpoint()
        pause = self._run.timeouts.confirm if streak else interval
        await workflow.sleep(pause, summary="until blue is looked at again")
        return pause

    async def _look(self, back: Back) -> Observation:
        groups = dict.fromkeys(back.beside, ()) | {back.name: back.target_groups}
        look = Observe(region=self._stack.region, groups=groups, wiring=self._wiring)
        seen = await self._run.certainly(Observer.observe, look)
        self._world.saw_some(seen)
        if back.name not in seen.groups:
            raise NotRestored(f"{back.name} is gone: somebody deleted it")
        return seen

    def _lost_its_targets(self, group: Group, waited: float) -> bool:
        """What a person deregistered, Auto Scaling registers only where it is attached anew."""
        found = health.health_of(group)
        long_enough = waited >= self._run.timeouts.consistency_grace
        return bool(long_enough and group.units and not (found.registered or found.unused))

    async def _detach(self, back: Back) -> None:
        self._run.note(f"somebody deregistered all instances of {back.name}: it is attached anew")
        await self._run.certainly(Balancers.detach, self._membership(back))

    async def _attach(self, back: Back) -> None:
        await self._run.certainly(Balancers.attach, self._membership(back))

    def _membership(self, back: Back) -> Membership:
        return Membership(
            region=self._stack.region, group=back.name, target_groups=back.target_groups
        )

    async def _grown(self, back: Back, seen: Observation) -> bool:
        """Somebody may have made it smaller, or what serves meanwhile may have grown."""
        group = seen.groups[back.name]
        others = [seen.groups[name].desired for name in back.beside if name in seen.groups]
        grown = max((size for size in others if size > back.given), default=0)
        sizes = capacity.restored(group, back.before, grown)
        if sizes is None:
            return False
        most, desired = sizes
        if back.before and group.desired < back.before.desired:
            self._run.note(
                f"somebody had set {group.name} to {group.desired}: it has {desired} again"
            )
        resize = Resize(region=self._stack.region, group=group.name, max=most, desired=desired)
        await self._run.certainly(Groups.resize, resize)
        return True


def _answer(seen: Observation, names: tuple[str, ...]) -> bool:
    return any(answers(seen.places, name) for name in names)
