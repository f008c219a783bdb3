"""Until no request is in flight at blue, and green is seen to have all of the traffic."""

from __future__ import annotations

from typing import Protocol

from temporalio import workflow

from workflows.chain import Stopwatch
from workflows.policies import longer
from workflows.run import Run
from workflows.steps.looks import Looks
from workflows.steps.watching import UNTIL_NEXT_LOOK, Watching
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from domain import health, traffic
    from domain.errors import DeploymentUnhealthy
    from domain.facts import Facts

# How often blue is detached again before a person is asked who attaches it.
MOST_DETACHED = 3
# Seconds after the deregistration delay, until AWS shows that it is over.
MARGIN = 60.0


class Leaves(Protocol):
    """What draining needs of a traffic strategy."""

    async def leave_again(self) -> None:
        """Somebody attached blue again: it leaves once more."""

    async def keep_rules(self) -> None:
        """Blue is out: a rule that sends anybody there is put right."""

    async def hold(self, *, insist: bool = False) -> None:
        """
        The last look: green is fit, and has all of the traffic. With `insist`, a rule that somebody
        changed is changed back, since blue cannot serve any more.
        """


class Draining:
    def __init__(
        self,
        run: Run,
        facts: Facts,
        world: World,
        strategy: Leaves,
        looks: Looks,
        watching: Watching,
    ) -> None:
        self._run = run
        self._facts = facts
        self._world = world
        self._strategy = strategy
        self._looks = looks
        self._watching = watching
        self._seen_out = False
        self._detached = 0

    async def until_drained(self) -> None:
        """Raises DeploymentUnhealthy where it takes too long."""
        timeouts = self._run.timeouts
        interval = timeouts.first_poll
        with self._run.timed("drain") as stopwatch:
            # Nobody drains in a moment. Where green was watched since, the last look tells already.
            pause = interval - self._world.seconds_since_left
            while not (self._world.is_fresh and self._drained(stopwatch.seconds)):
                await self._run.operator.wait(pause, summary=UNTIL_NEXT_LOOK)
                await self._looks.serving()
                await self._detach_again(stopwatch)
                await self._strategy.keep_rules()
                pause = interval = longer(interval, timeouts.poll_interval(timeouts.drain))
        await self._follow_blue()
        drain = self._world.now.drain
        if strangers := ", ".join(drain.strangers if drain else ()):
            self._run.note(f"targets of others are in the target groups and serve too: {strangers}")
        await self._hold()

    async def _hold(self) -> None:
        """What was seen before a pause is believed no more."""
        held = False
        while not held:
            await self._strategy.hold(insist=True)
            held = not self._run.operator.paused
            await self._run.operator.gate()

    async def _follow_blue(self) -> None:
        """Blue may have grown while it drained: green takes over that load as well."""
        green = self._world.groups[self._facts.green]
        blue = self._world.group_of(self._facts.blue)
        if blue and blue.desired > green.desired:
            await self._watching.confirm_healthy()

    async def _detach_again(self, stopwatch: Stopwatch) -> None:
        """AWS may go on showing for a moment what it was told to detach."""
        blue = self._world.group_of(self._facts.blue)
        if blue is None or traffic.detached(blue, self._facts.blue_arns):
            self._seen_out = True
            return
        if not (blue.health and blue.health.targets):
            # AWS may go on naming a target group until the group has drained from it.
            return
        if not self._seen_out and stopwatch.seconds < self._run.timeouts.consistency_grace:
            return
        self._run.note(f"somebody attached {blue.name} to the load balancer again")
        if self._detached >= MOST_DETACHED:
            self._run.operator.ask(
                f"somebody attaches {blue.name} to the load balancer again and again; resume to "
                "detach it once more, or abort"
            )
        self._detached += 1
        await self._strategy.leave_again()
        stopwatch.restart()

    @property
    def _timeout(self) -> float:
        """Seconds. What the balancers were told since the release began is waited for."""
        configured, told = self._run.timeouts.drain, self._world.now.drains_for
        return configured if told <= configured else told + MARGIN

    def _drained(self, waited: float) -> bool:
        drain, blue = self._world.now.drain, self._facts.blue
        if not drain or not blue:
            return False
        verdict = traffic.judge_drain(drain, waited=waited, timeout=self._timeout)
        if isinstance(verdict, health.Unhealthy):
            raise DeploymentUnhealthy(f"{blue.name} does not drain: {verdict.reason}")
        words = verdict.reason if isinstance(verdict, health.NotYet) else "drained"
        self._run.checklist.note(words)
        gone = isinstance(verdict, health.Healthy) and bool(drain.registered)
        return gone and self._world.is_whole
