"""One look at both groups and all targets, and what it says of a green that serves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow

from workflows.run import Run
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.metrics import Metrics, ReadWatch
    from activities.observer import Observe, Observer
    from domain import health
    from domain.errors import DeploymentUnhealthy
    from domain.facts import Facts
    from domain.models import Group
    from domain.observation import Observation
    from domain.watch import Inconclusive, judge

# Metric periods: only the latest ones count, so that a long good time hides no breach.
PERIODS = 15


class Looks:
    def __init__(self, run: Run, facts: Facts, world: World) -> None:
        self._run = run
        self._facts = facts
        self._world = world

    async def launching(self, known: str) -> Group | None:
        """
        Look at a green that boots; None where it is not there.

        Its targets alone are asked for, once it has all of its instances. `known` is the digest of
        those that the last look told.
        """
        arns = self._facts.blue_arns
        read_anyway = arns if set(arns) <= set(self._facts.green_arns) else ()
        look = Observe(**self._at_both(read_anyway), launching=True, known=known)
        return (await self._look(look)).groups.get(self._facts.green)

    async def serving(self) -> None:
        """
        Look at a green that serves, and at how far a blue that left has drained.

        Raises DeploymentUnhealthy when as many looks in a row found it unfit as a new deployment
        must be healthy.
        """
        blue = self._facts.blue
        drains = blue.name if blue and self._world.now.left_at else None
        seen = await self._look(Observe(**self._at_both(self._facts.blue_arns), drains=drains))
        green = seen.groups.get(self._facts.green)
        # Fewer than it wants now is no fault: it may scale out, and new instances boot. Fewer than
        # it had is none either: it may scale in.
        verified = self._world.now.verified
        wanted = min(verified, green.desired) if green else verified
        heaviest = health.health_of(green).heaviest if green else 1
        floor = max(0, wanted - self._facts.stack.health.may_lose * heaviest)
        verdict = health.still_healthy(green, floor)
        bad_looks = self._world.looked(bad=isinstance(verdict, health.Unhealthy))
        if isinstance(verdict, health.Unhealthy):
            self._run.checklist.note(verdict.reason)
            if green is None or bad_looks >= self._facts.stack.health.reads:
                tag = self._facts.version.tag
                raise DeploymentUnhealthy(f"{tag} did not stay fit: {verdict.reason}")

    def _at_both(self, blue_arns: tuple[str, ...]) -> dict[str, Any]:
        facts = self._facts
        groups = {facts.green: facts.green_arns}
        if facts.blue:
            groups[facts.blue.name] = blue_arns
        return {"region": facts.region, "groups": groups, "explain": facts.green}

    async def _look(self, look: Observe) -> Observation:
        seen = await self._run.do(Observer.observe, look)
        self._world.saw(seen)
        if blue := self._world.group_of(self._facts.blue):
            self._world.saw_blue_serve(blue)
        return seen

    async def alarms_and_metrics(self, since: datetime) -> Inconclusive | None:
        """
        What the stack's alarms and metrics say of green since then.

        Raises DeploymentUnhealthy with what was breached.
        """
        watch = self._facts.stack.watch
        if not (watch.alarms or watch.measures):
            return None
        recent = workflow.now() - timedelta(seconds=PERIODS * watch.period)
        read = ReadWatch(
            region=self._facts.region,
            watch=watch,
            green=self._facts.green_target_group,
            blue=self._facts.compared_with,
            since=max(since, recent),
        )
        what = "What do alarms and metrics say?"
        verdict = judge(await self._run.do(Metrics.read_watch, read, what=what), watch)
        if isinstance(verdict, health.Unhealthy):
            tag = self._facts.version.tag
            raise DeploymentUnhealthy(f"{tag} is rolled back by the watch: {verdict.reason}")
        return verdict if isinstance(verdict, Inconclusive) else None
