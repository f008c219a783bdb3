"""Look and judge, again and again: until green is healthy, and while it serves."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow

from workflows.chain import Stopwatch
from workflows.checklist import sentence
from workflows.policies import longer
from workflows.run import Run
from workflows.steps.looks import Looks
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import Resize
    from activities.groups import Groups
    from domain import capacity, health
    from domain.errors import DeploymentUnhealthy
    from domain.facts import Facts
    from domain.health import Healthy, NotYet, Seen
    from domain.models import Group
    from domain.watch import Inconclusive

UNTIL_NEXT_LOOK = "until the next look"


class Watching:
    def __init__(self, run: Run, facts: Facts, world: World, looks: Looks) -> None:
        self.run = run
        self._facts = facts
        self._world = world
        self._looks = looks

    @sentence("Wait until every instance is healthy", phase="waiting_healthy", continued=True)
    async def until_healthy(self) -> None:
        reads = self._facts.stack.health.reads
        await self._until_healthy(self.run.timeouts.first_poll, reads)

    async def confirm_healthy(self) -> None:
        """Look at once: green must be healthy, and as large as blue is by now."""
        await self._until_healthy(0, reads=1)

    async def just_seen(self) -> None:
        """
        Green was seen a moment ago, fit and as large as what is needed now: the last look before
        something leaves. What was read before a pause or an approval is believed no more.
        """
        while True:
            await self.run.operator.gate()
            if self._world.is_fresh and self._is_enough():
                return
            await self.confirm_healthy()
            if not self._is_enough():
                await self.run.operator.wait(self.run.timeouts.confirm, summary=UNTIL_NEXT_LOOK)

    def _is_enough(self) -> bool:
        stack, green = self._facts.stack, self._world.groups.get(self._facts.green)
        needed = capacity.needed(self._world.group_of(self._facts.blue), stack.capacity)
        if not needed:
            return True
        if green is None or green.health is None or not green.health.asked:
            return False
        least = needed - stack.health.may_lose * green.health.heaviest
        return green.health.units >= max(1, least)

    @sentence("Shift the traffic, and watch it", phase="watching", continued=True)
    async def soak(self) -> None:
        """For the stack's soak time."""
        await self.watch_for("soak", self.run.timeouts.soak)

    @sentence("Shift the traffic, and watch it", phase="watching")
    async def keep_hot(self) -> None:
        """Blue stays at full size for `timeouts.hot`. Operators may extend that, or end it."""
        if self._facts.blue and self.run.timeouts.hot:
            await self._keep_hot(self._facts.blue.name)

    async def watch_for(self, name: str, seconds: float) -> None:
        """
        `name` tells this wait from the others of the run.

        Raises DeploymentUnhealthy: for green's health after several bad looks in a row, for alarms
        and metrics at once. Where the metrics decide nothing, a person is asked by a pause.
        """
        verdict = None
        with self.run.timed(name) as stopwatch:
            watched = seconds <= 0
            while not watched:
                pause = self._pause(seconds - stopwatch.seconds, seconds)
                verdict = await self._look_after(pause, stopwatch.started)
                watched = stopwatch.seconds >= seconds and self._world.is_whole
        # The few requests of a first deployment, before it has users, decide nothing.
        if verdict and self._facts.blue:
            if self._facts.stack.watch.when_inconclusive == "ask":
                self.run.operator.ask(f"{verdict.reason}; resume to go on, or abort")
            else:
                self.run.note(f"it went on although {verdict.reason}")
        await self.run.operator.gate()

    async def watch_until(self, moment: datetime, since: datetime) -> None:
        """Watch what began at `since`. Time spent paused counts. Raises DeploymentUnhealthy."""
        wait = (moment - since).total_seconds()
        while (left := (moment - workflow.now()).total_seconds()) > 0 or not self._world.is_whole:
            await self._look_after(self._pause(left, wait), since)

    async def _keep_hot(self, blue: str) -> None:
        operator, hot = self.run.operator, self.run.timeouts.hot
        with self.run.timed("hot") as stopwatch, operator.keeping_hot():
            while not operator.park_now:
                until = stopwatch.started + timedelta(seconds=hot * (1 + operator.extended))
                left = (until - workflow.now()).total_seconds()
                if left <= 0 and self._world.is_whole:
                    break
                self.run.checklist.note(
                    f"{blue} stays as large as it is until {until:%Y-%m-%d %H:%M:%S} UTC: "
                    "`ovenbird extend`, or `park-now`"
                )
                await self._look_after(self._pause(left, hot), stopwatch.started)
                await operator.gate()

    async def _look_after(self, seconds: float, since: datetime) -> Inconclusive | None:
        """Only while blue is kept hot can an operator say that it is to be parked now."""
        operator = self.run.operator
        await operator.wait(
            seconds,
            until=lambda: operator.keeps_hot and operator.park_now is not None,
            summary=UNTIL_NEXT_LOOK,
        )
        await self._looks.serving()
        return await self._looks.alarms_and_metrics(since)

    def _pause(self, left: float, wait: float) -> float:
        """
        Seconds until the next look of a wait that is so long as a whole.

        It does not end with a look that found something missing: what comes after it takes traffic
        from blue.
        """
        timeouts = self.run.timeouts
        if not self._world.is_whole:
            return timeouts.confirm
        return min(max(0.0, left), timeouts.poll_interval(wait))

    async def _until_healthy(self, first_poll: float, reads: int) -> None:
        """
        Until green is healthy, and as large as blue is by then.

        Raises DeploymentUnhealthy with AWS's own words.
        """
        facts, timeouts = self._facts, self.run.timeouts
        # Of a green that was healthy, or served before, AWS may still be ending what it replaced.
        known = self._world.now.verified or facts.woken
        seen = self._world.now.launching or Seen(
            found=facts.green in self._world.groups, excused=None if known else frozenset()
        )
        interval = first_poll
        with self.run.timed("healthy") as stopwatch:
            while True:
                if interval:
                    await self.run.operator.wait(interval, summary=UNTIL_NEXT_LOOK)
                green = await self._looks.launching(seen.present)
                seen = seen.with_read(health.health_of(green)) if green else seen
                self._world.saw_launching(seen)
                verdict = self._judge(green, seen, stopwatch, reads)
                if green and await self._follow_blue(green):
                    seen = seen.again()
                    self._world.saw_launching(seen)
                    interval = timeouts.first_poll
                    # What was launched just now has the whole time to become healthy.
                    stopwatch.restart()
                elif isinstance(verdict, Healthy):
                    self._found_healthy(green)
                    return
                else:
                    self.run.checklist.note(verdict.reason)
                    longest = timeouts.poll_interval(timeouts.healthy)
                    growing = longer(interval, longest)
                    interval = timeouts.confirm if seen.streak else growing

    def _judge(
        self, green: Group | None, seen: Seen, stopwatch: Stopwatch, reads: int
    ) -> Healthy | NotYet:
        verdict = health.judge(
            green,
            seen,
            waited=stopwatch.seconds,
            timeout=self.run.timeouts.healthy,
            reads=reads,
            may_lose=self._facts.stack.health.may_lose,
        )
        if isinstance(verdict, health.Unhealthy):
            tag = self._facts.version.tag
            raise DeploymentUnhealthy(f"{tag} is not fit to serve: {verdict.reason}")
        return verdict

    def _found_healthy(self, green: Group | None) -> None:
        self._world.found_healthy(green.desired if green else 0)
        self._world.saw_launching(None)
        self.run.checklist.note(health.health_of(green).explained if green else "")

    async def _follow_blue(self, green: Group) -> bool:
        """Did blue outgrow green? Then green grows: at the cutover it takes over blue's load."""
        facts = self._facts
        blue = self._world.group_of(facts.blue)
        size = capacity.needed(blue, facts.stack.capacity)
        if size <= green.desired:
            return False
        least, most = capacity.bounds(size, facts.stack.capacity)
        self.run.checklist.note(f"{size} instances are needed by now: green grows")
        resize = Resize(region=facts.region, group=facts.green, min=least, max=most, desired=size)
        await self.run.do(Groups.resize, resize)
        return True
