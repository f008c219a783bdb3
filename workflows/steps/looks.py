"""One look at both groups and all targets, and what it says of a green that serves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.failures import describe
from workflows.policies import BRIEF
from workflows.run import Run
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.metrics import Metrics, ReadWatch
    from activities.observer import Observe, Observer
    from domain import health
    from domain.errors import DeploymentUnhealthy
    from domain.facts import Facts
    from domain.models import Group, TargetGroup
    from domain.observation import Observation
    from domain.watch import Inconclusive, Red, Watched, all_red, judge, red, still_red

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
        green, rule = seen.groups.get(self._facts.green), self._facts.stack.health
        verdict = health.still_healthy(
            green,
            self._world.now.verified,
            may_lose=rule.may_lose,
            lacking=self._world.seconds_lacking,
            timeout=self._run.timeouts.healthy,
        )
        is_bad = isinstance(verdict, health.Unhealthy)
        bad_looks = self._world.looked(whole=isinstance(verdict, health.Healthy), bad=is_bad)
        if not isinstance(verdict, health.Healthy):
            self._run.checklist.note(verdict.reason)
            if is_bad and (green is None or bad_looks >= rule.reads):
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

    async def before_a_rollback(self) -> None:
        """What is red by now may be why somebody rolls back: it does not judge the rollback."""
        watch = self._facts.stack.watch
        if watch.alarms or watch.measures:
            serving = self._facts.compared_with or self._facts.green_target_group
            seen = await self._read(serving, None, workflow.now() - self._recent)
            self._is_red(red(seen, watch) if seen else all_red(watch))

    async def alarms_and_metrics(self, since: datetime) -> Inconclusive | None:
        """
        What the stack's alarms and metrics say of green since then.

        Raises DeploymentUnhealthy with what was breached.
        """
        watch = self._facts.stack.watch
        if not (watch.alarms or watch.measures):
            return None
        since = max(since, workflow.now() - self._recent)
        green, blue = self._facts.green_target_group, self._facts.compared_with
        seen = await self._read(green, blue, since)
        if seen is None:
            return None
        if self._is_rollback:
            self._is_red(self._red_by_now(seen))
        verdict = judge(seen, watch, self._world.now.red)
        if isinstance(verdict, health.Unhealthy):
            tag = self._facts.version.tag
            raise DeploymentUnhealthy(f"{tag} is rolled back by the watch: {verdict.reason}")
        return verdict if isinstance(verdict, Inconclusive) else None

    async def _read(
        self, green: TargetGroup, blue: TargetGroup | None, since: datetime
    ) -> Watched | None:
        """None where a rollback cannot read them: it goes on by the health of its targets."""
        read = ReadWatch(
            region=self._facts.region,
            watch=self._facts.stack.watch,
            green=green,
            blue=blue,
            since=since,
        )
        what = "What do alarms and metrics say?"
        if not self._is_rollback:
            return await self._run.do(Metrics.read_watch, read, what=what)
        try:
            return await self._run.do(Metrics.read_watch, read, BRIEF, what=what)
        except ActivityError as error:
            words = f"alarms and metrics cannot be read, and do not judge it: {describe(error)}"
            if words not in self._run.operator.notes:
                self._run.note(words)
            return None

    def _red_by_now(self, seen: Watched) -> Red:
        """What rings before green has any traffic is not its doing either."""
        watch = self._facts.stack.watch
        before = still_red(self._world.now.red, seen, watch)
        untouched = self._facts.routing is not None and not self._world.now.green_percent
        return before | red(seen, watch) if untouched else before

    def _is_red(self, found: Red) -> None:
        known = self._world.now.red
        if new := Red(
            alarms=tuple(name for name in found.alarms if name not in known.alarms),
            limits=tuple(limit for limit in found.limits if limit not in known.limits),
        ).words:
            self._run.note(f"it was red before the rollback, and does not judge it: {new}")
        self._world.is_red(found)

    @property
    def _is_rollback(self) -> bool:
        return self._run.kind == "rollback"

    @property
    def _recent(self) -> timedelta:
        return timedelta(seconds=PERIODS * self._facts.stack.watch.period)
