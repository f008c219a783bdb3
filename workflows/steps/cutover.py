"""Sentences seven to nine, up to the point of no return: approval, shift, watch, drain."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow

from workflows.checklist import step
from workflows.steps.releasing import ReleasingSteps

with workflow.unsafe.imports_passed_through():
    from activities.metrics import Metrics, ReadWatch
    from domain import health, traffic
    from domain.errors import ApprovalExpired, DeploymentUnhealthy
    from domain.models import Observation
    from domain.watch import Inconclusive, judge

# Of the metrics, as far as one looks back.
PERIODS = 15
SHIFT = "Shift the traffic, and watch it"
DRAIN_AND_PARK = (
    "Drain blue and park it: out of the load balancer, at size zero, ready for an instant rollback"
)


class CutoverSteps(ReleasingSteps):
    @step('Wait for "approve cutover" where the stack asks for it', phase="waiting_approval")
    async def wait_for_approval(self) -> None:
        if not self.approval_needed:
            await self.until_it_may()
            self.checklist.skip("the stack asks for none")
            return
        self.checklist.note(self.traffic.until_approval if self.blue else "")
        approving = self.stack.approving
        self.operator.waiting_for_approval = True
        self.show()
        try:
            approved = await self._approved_within(self.timeouts.approval)
            if not approved and approving.when_expired == "roll_back":
                raise ApprovalExpired(
                    f"nobody approved the cutover within {timedelta(seconds=self.timeouts.approval)}"
                )
            if not approved and approving.when_expired == "keep_waiting":
                self.checklist.note(
                    f"nobody has approved the cutover within {timedelta(seconds=self.timeouts.approval)}: it keeps waiting"
                )
                await self._approved_within(None)
        finally:
            self.operator.waiting_for_approval = False
        if self.operator.approval is None:
            self.operator.notes.append(
                f"nobody approved the cutover within {timedelta(seconds=self.timeouts.approval)}: cut over all the same"
            )
            return
        approval = self.operator.approval
        words = f"approved by {approval.by}" + (f": {approval.reason}" if approval.reason else "")
        self.checklist.note(words)
        await self.until_it_may(approval.not_before)
        self.checklist.note(words)

    async def _approved_within(self, seconds: float | None) -> bool:
        return await self.operator.wait(
            seconds,
            until=lambda: self.operator.approval is not None,
            summary="until approve_cutover",
        )

    @step(SHIFT, phase="shifting")
    async def shift_traffic(self) -> None:
        """From blue to green, as the stack's strategy has it. Green is looked at once more first: an approval may have taken days."""
        await self.until_healthy(first_poll=0, reads=1)
        if not self.blue:
            return
        if self.stack.watch.alarms:
            # What is wrong before the new version has any traffic is not its fault, and no moment to change anything.
            await self._judge_watch(workflow.now())
        await self.traffic.shift(self, gradually=self.kind == "release")

    @step(SHIFT, phase="watching")
    async def watch(self) -> None:
        """For the stack's soak; then for as long as blue is to be kept hot, which the operators may extend or end."""
        await self.run_hooks("post_cutover")
        await self.soak(self.timeouts.soak)
        if not (self.blue and self.timeouts.hot):
            return
        started, began = workflow.time(), workflow.now()
        self.operator.keeps_hot = True
        while (
            not self.operator.park_now
            and (
                left := started + self.timeouts.hot * (1 + self.operator.extended) - workflow.time()
            )
            > 0
        ):
            until = workflow.now() + timedelta(seconds=left)
            self.checklist.note(
                f"{self.blue.name} stays as large as it is until {until:%Y-%m-%d %H:%M:%S} UTC: `ovenbird extend`, or `park-now`"
            )
            await self.soak(
                min(left, self.timeouts.poll_interval(self.timeouts.hot)), since=began, ask=False
            )
        self.operator.keeps_hot = False

    async def soak(
        self, seconds: float, *, since: datetime | None = None, ask: bool = True
    ) -> None:
        """
        Watched for so long. A look that finds green unfit counts only when the next ones do too; alarms and metrics count at once.

        Where the metrics tell nothing at its end, a person is asked, by a pause. Raises DeploymentUnhealthy with what was breached.
        """
        left, bad, since = seconds, 0, since or workflow.now()
        verdict: object = None
        while left > 0:
            pace = min(left, self.timeouts.confirm if bad else self.timeouts.poll_interval(seconds))
            started, paused = workflow.time(), self.operator.seconds_paused
            await self.operator.wait(
                pace,
                until=lambda: self.operator.park_now is not None,
                summary="until the next look",
            )
            bad = self._judge_serving(await self.look(), bad)
            verdict = await self._judge_watch(since)
            left -= workflow.time() - started - (self.operator.seconds_paused - paused)
            if self.operator.park_now:
                break
        # Before a first deployment has users, its few requests are nobody's question.
        if isinstance(verdict, Inconclusive) and ask and self.blue:
            if self.stack.watch.when_inconclusive == "ask":
                self.operator.ask(
                    f"{verdict.reason}; resume to go on, or abort", workflow.now().isoformat()
                )
            else:
                self.operator.notes.append(f"it went on although {verdict.reason}")
        await self.operator.gate()

    async def _judge_watch(self, since: datetime) -> object:
        """By what the stack's alarms and metrics say since then, of late: a long good time hides no breach. Raises DeploymentUnhealthy."""
        watch = self.stack.watch
        if not (watch.alarms or watch.measures):
            return None
        since = max(since, workflow.now() - timedelta(seconds=PERIODS * watch.period))
        seen = await self.do(
            Metrics.read_watch,
            ReadWatch(
                region=self.region,
                watch=watch,
                green=self.green_target_group,
                blue=self.traffic.measured_beside(),
                since=since,
            ),
            what="What do alarms and metrics say?",
        )
        verdict = judge(seen, watch)
        if isinstance(verdict, health.Unhealthy):
            raise DeploymentUnhealthy(
                f"{self.version.tag} is rolled back by the watch: {verdict.reason}"
            )
        return verdict

    @step(DRAIN_AND_PARK, phase="draining")
    async def drain(self) -> None:
        """Until nothing is in flight at blue. Still undoable: it would be attached again."""
        if not self.blue:
            await self.operator.gate()
            return
        await self.traffic.leave(self)
        started, paused = workflow.time(), self.operator.seconds_paused
        bad, interval = 0, self.timeouts.first_poll
        known = self.groups.get(self.blue.name, self.blue.group)
        leaving = {instance.id for instance in known.instances}
        while True:
            world = await self.look()
            blue = world.groups.get(self.blue.name)
            leaving |= {instance.id for instance in blue.instances} if blue else set()
            bad = self._judge_serving(world, bad)
            waited = workflow.time() - started - (self.operator.seconds_paused - paused)
            verdict = traffic.judge_drain(
                leaving, world.targets, waited=waited, timeout=self.timeouts.drain
            )
            if isinstance(verdict, health.Unhealthy):
                raise DeploymentUnhealthy(f"{self.blue.name} does not drain: {verdict.reason}")
            if isinstance(verdict, health.Healthy) and world.targets and not bad:
                break
            self.checklist.note(verdict.reason if isinstance(verdict, health.NotYet) else "drained")
            await self.operator.wait(interval, summary="until the next look")
            interval = min(self.timeouts.poll_interval(self.timeouts.drain), interval * 1.5)
        if blue and blue.desired > world.groups[self.green].desired:
            # It grew while it drained: what it carried is green's load now.
            await self.until_healthy(first_poll=0, reads=1)
        self._note_strangers(world, leaving)
        self.checklist.note("drained")
        # Parking is next, and has no way back: an abort or a pause that is there already comes first.
        await self.operator.gate()

    def _note_strangers(self, world: Observation, leaving: set[str]) -> None:
        """Somebody else's targets in the same target groups serve too: the operator should know."""
        green = world.groups.get(self.green)
        ours = leaving | {instance.id for instance in green.instances} if green else leaving
        strangers = sorted(
            {target for states in world.targets.values() for target in states} - ours
        )
        if strangers:
            self.operator.notes.append(
                f"targets of others are in the target groups and serve as well: {', '.join(strangers[:5])}"
            )

    def _judge_serving(self, world: Observation, bad: int) -> int:
        """How many looks in a row found green unfit. Raises DeploymentUnhealthy when they are as many as make it healthy."""
        green = world.groups.get(self.green)
        # Neither what it wants now (a green that scales out is no worse for the instances that still boot), nor what it had (it may scale in).
        heaviest = max((instance.weight for instance in green.instances), default=1) if green else 1
        floor = max(
            0,
            min(self.verified, green.desired if green else self.verified)
            - self.stack.health.may_lose * heaviest,
        )
        verdict = health.still_healthy(green, self.traffic.green_arns, floor)
        if isinstance(verdict, health.Healthy):
            return 0
        if isinstance(verdict, health.Unhealthy):
            self.checklist.note(verdict.reason)
            if green is None or bad + 1 >= self.stack.health.reads:
                raise DeploymentUnhealthy(f"{self.version.tag} did not stay fit: {verdict.reason}")
        return bad + 1
