"""Bring what served into the load balancer again: for the way back and for the sweep."""

from __future__ import annotations

from temporalio import workflow

from workflows.policies import longer
from workflows.run import Run
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, Membership
    from activities.group_requests import Resize
    from activities.groups import Groups
    from activities.observer import Observe, Observer
    from domain import health
    from domain.config import Stack
    from domain.errors import DeploymentUnhealthy
    from domain.models import Group

# Seconds. A wait that may last a day must not fill the history.
LONGEST_INTERVAL = 300.0


class Restoring:
    """`time_limit` is how many seconds AWS may refuse."""

    def __init__(self, run: Run, stack: Stack, world: World, time_limit: float) -> None:
        self._run = run
        self._stack = stack
        self._world = world
        self._time_limit = time_limit

    async def reattach(
        self, name: str, target_groups: tuple[str, ...], *, beside: str | None = None
    ) -> None:
        """
        Until the group is attached, as large as `beside` is by then, and all of it healthy.

        It must be healthy as many reads in a row as a new deployment, since AWS still shows the old
        state right after a detach. It is attached again whenever a look shows that it is not, since
        a detach that hung may take effect late. Raises DeploymentUnhealthy after the time limit, or
        where the group is gone. Time in which no worker was up does not count.
        """
        interval, asked, streak = self._run.timeouts.first_poll, False, 0
        with self._run.timed(f"{name} back") as stopwatch:
            waited, pause = stopwatch.seconds, 0.0
            while streak < self._stack.health.reads:
                group, other = await self._look(name, beside, target_groups)
                waited = stopwatch.without_outage(waited + pause)
                if not asked or not set(target_groups) <= set(group.target_groups):
                    await self._attach(name, target_groups)
                    asked, streak, pause = True, 0, 0.0
                    continue
                grows = await self._grown_with(group, other)
                found = health.health_of(group)
                streak = streak + 1 if found.units >= group.desired and not grows else 0
                if not streak and waited > self._time_limit:
                    raise DeploymentUnhealthy(
                        f"{name} did not become healthy again: {found.explained}"
                    )
                self._run.checklist.note(f"{name}: {found.explained}")
                pause = await self._pause(streak, interval)
                interval = longer(interval, LONGEST_INTERVAL)

    async def _pause(self, streak: int, interval: float) -> float:
        """Returns its seconds."""
        if streak >= self._stack.health.reads:
            return 0
        self._run.chain.checkpoint()
        pause = self._run.timeouts.confirm if streak else interval
        await workflow.sleep(pause, summary="until blue is looked at again")
        return pause

    async def _look(
        self, name: str, beside: str | None, target_groups: tuple[str, ...]
    ) -> tuple[Group, Group | None]:
        groups = {name: target_groups} | ({beside: ()} if beside else {})
        look = Observe(region=self._stack.region, groups=groups)
        seen = await self._run.certainly(Observer.observe, look)
        self._world.saw_some(seen)
        if name not in seen.groups:
            raise DeploymentUnhealthy(f"{name} is gone: somebody deleted it")
        return seen.groups[name], seen.groups.get(beside or "")

    async def _attach(self, name: str, target_groups: tuple[str, ...]) -> None:
        membership = Membership(region=self._stack.region, group=name, target_groups=target_groups)
        await self._run.certainly(Balancers.attach, membership)

    async def _grown_with(self, group: Group, other: Group | None) -> bool:
        """The other one may have grown while it served alone: this one takes over its load."""
        size = min(other.desired if other else 0, group.max)
        if size <= group.desired:
            return False
        resize = Resize(region=self._stack.region, group=group.name, desired=size)
        await self._run.certainly(Groups.resize, resize)
        return True
