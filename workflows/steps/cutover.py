"""Sentences seven to nine, up to the point of no return: approval, shift, watch, drain."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from workflows.checklist import step
from workflows.steps.releasing import ReleasingSteps

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, Membership
    from domain import health, traffic
    from domain.errors import ApprovalExpired, Unhealthy
    from domain.models import Observation

SHIFT = "Shift the traffic, and watch it"
DRAIN_AND_PARK = "Drain blue and park it: out of the load balancer, at size zero, ready for an instant rollback"


class CutoverSteps(ReleasingSteps):
    @step('Wait for "approve cutover" where the stack asks for it', phase="waiting_approval")
    async def wait_for_approval(self) -> None:
        if not self.approval_needed:
            self.checklist.skip("the stack asks for none")
            return
        self.checklist.note("both versions serve until the approval, which lets blue leave" if self.blue else "")
        approving = self.stack.approving
        self.operator.waiting_for_approval = True
        self.show()
        try:
            approved = await self._approved_within(self.patience.approval)
            if not approved and approving.when_expired == "roll_back":
                raise ApprovalExpired(f"nobody approved the cutover within {timedelta(seconds=self.patience.approval)}")
            if not approved and approving.when_expired == "keep_waiting":
                self.checklist.note(f"nobody has approved the cutover within {timedelta(seconds=self.patience.approval)}: it keeps waiting")
                await self._approved_within(None)
        finally:
            self.operator.waiting_for_approval = False
        if self.operator.approval is None:
            self.operator.notes.append(
                f"nobody approved the cutover within {timedelta(seconds=self.patience.approval)}: cut over all the same"
            )
            return
        approval = self.operator.approval
        self.checklist.note(f"approved by {approval.by}" + (f": {approval.reason}" if approval.reason else ""))

    async def _approved_within(self, seconds: float | None) -> bool:
        return await self.operator.wait(seconds, until=lambda: self.operator.approval is not None, summary="until approve_cutover")

    @step(SHIFT, phase="shifting")
    async def shift_traffic(self) -> None:
        """Blue leaves the target groups. Green is looked at once more first: an approval may have taken days."""
        await self.until_healthy(first_look=0, reads=1)
        if not self.blue:
            return
        blue = self.blue
        self.before(
            f"attach {blue.name} to the load balancer again", lambda: self.reattach(blue.name, self.blue_arns, beside=self.green),
            f"aws autoscaling attach-load-balancer-target-groups --auto-scaling-group-name {blue.name} --target-group-arns {' '.join(self.blue_arns)}",
            vital=True,
        )  # fmt: skip
        await self.do(Balancers.detach, Membership(region=self.region, group=blue.name, target_groups=self.blue_arns))

    @step(SHIFT, phase="watching")
    async def watch(self) -> None:
        """For the stack's soak; a look that finds green unfit counts only when the next ones do too."""
        left, bad = self.patience.soak, 0
        while left > 0:
            pace = min(left, self.patience.confirm if bad else self.patience.look_every(self.patience.soak))
            started, paused = workflow.time(), self.operator.seconds_paused
            await self.operator.wait(pace, summary="until the next look")
            bad = self._judge_serving(await self.look(), bad)
            left -= workflow.time() - started - (self.operator.seconds_paused - paused)

    @step(DRAIN_AND_PARK, phase="draining")
    async def drain(self) -> None:
        """Until nothing is in flight at blue. Still undoable: it would be attached again."""
        if not self.blue:
            await self.operator.gate()
            return
        started, paused = workflow.time(), self.operator.seconds_paused
        bad, interval = 0, self.patience.first_look
        known = self.groups.get(self.blue.name, self.blue.group)
        leaving = {instance.id for instance in known.instances}
        while True:
            world = await self.look()
            blue = world.groups.get(self.blue.name)
            leaving |= {instance.id for instance in blue.instances} if blue else set()
            bad = self._judge_serving(world, bad)
            waited = workflow.time() - started - (self.operator.seconds_paused - paused)
            verdict = traffic.judge_drain(leaving, world.targets, waited=waited, patience=self.patience.drain)
            if isinstance(verdict, health.Unhealthy):
                raise Unhealthy(f"{self.blue.name} does not drain: {verdict.reason}")
            if isinstance(verdict, health.Healthy) and world.targets and not bad:
                break
            self.checklist.note(verdict.reason if isinstance(verdict, health.NotYet) else "drained")
            await self.operator.wait(interval, summary="until the next look")
            interval = min(self.patience.look_every(self.patience.drain), interval * 1.5)
        if blue and blue.desired > world.groups[self.green].desired:
            # It grew while it drained: what it carried is green's load now.
            await self.until_healthy(first_look=0, reads=1)
        self._note_strangers(world, leaving)
        self.checklist.note("drained")
        # Parking is next, and has no way back: an abort or a pause that is there already comes first.
        await self.operator.gate()

    def _note_strangers(self, world: Observation, leaving: set[str]) -> None:
        """Somebody else's targets in the same target groups serve too: the operator should know."""
        green = world.groups.get(self.green)
        ours = leaving | {instance.id for instance in green.instances} if green else leaving
        strangers = sorted({target for states in world.targets.values() for target in states} - ours)
        if strangers:
            self.operator.notes.append(f"targets of others are in the target groups and serve as well: {', '.join(strangers[:5])}")

    def _judge_serving(self, world: Observation, bad: int) -> int:
        """How many looks in a row found green unfit. Raises Unhealthy when they are as many as make it healthy."""
        green = world.groups.get(self.green)
        # Neither what it wants now (a green that scales out is no worse for the instances that still boot), nor what it had (it may scale in).
        floor = max(0, min(self.verified, green.desired if green else self.verified) - self.stack.health.may_lose)
        verdict = health.still_healthy(green, self.arns, floor)
        if isinstance(verdict, health.Healthy):
            return 0
        if isinstance(verdict, health.Unhealthy):
            self.checklist.note(verdict.reason)
            if green is None or bad + 1 >= self.stack.health.reads:
                raise Unhealthy(f"{self.version.tag} did not stay fit: {verdict.reason}")
        return bad + 1
