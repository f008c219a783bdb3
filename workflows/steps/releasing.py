"""What all sentences of a release share: the stack, blue and green, the last look at the world, and the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.checklist import step
from workflows.operator import Operator
from workflows.policies import QUICK, poll
from workflows.steps.base import FAILURES, describe, shielded
from workflows.steps.restoring import RestoringSteps
from workflows.steps.traffic import Attach, Strategy, Weighted

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, Observe
    from activities.group_requests import Resize
    from activities.groups import Groups
    from activities.hooks import Hooks, RunHook
    from domain import capacity, health, names, traffic
    from domain.calendar import opens_at
    from domain.config import Hook, Stack
    from domain.errors import DIRTY, ROLLED_BACK, DeploymentUnhealthy
    from domain.health import Healthy, NotYet, Seen
    from domain.models import (
        Deployment,
        Group,
        Image,
        Observation,
        Released,
        State,
        TargetGroup,
        Version,
    )
    from domain.status import BakeLink, Side, Status


@dataclass(frozen=True)
class Undo:
    """
    One compensation, registered before its action. `by_hand` is how a person would do it.

    Where a `vital` one fails, green is all that serves: the compensations behind it, which remove green, are left undone.
    """

    what: str
    run: Callable[[], Coroutine[Any, Any, None]]
    by_hand: str
    vital: bool = False


@dataclass(frozen=True)
class Admitted:
    """What was known and checked before anything was made."""

    stack: Stack
    version: Version
    requested_by: str
    target_groups: tuple[TargetGroup, ...]
    deployments: tuple[Deployment, ...]
    blue: Deployment | None
    # Where the stack's strategy is weighted.
    routing: traffic.Routing | None = None
    urgent: bool = False
    contraction: bool = False


class ReleasingSteps(RestoringSteps):
    def __init__(self, operator: Operator, admitted: Admitted) -> None:
        self.stack, self.version, self.requested_by = (
            admitted.stack,
            admitted.version,
            admitted.requested_by,
        )
        self.blue = admitted.blue
        self.deployments = admitted.deployments
        self.target_groups = admitted.target_groups
        self.arns = tuple(group.arn for group in admitted.target_groups)
        # Blue leaves, and comes back to, what it is in: the stack may name further target groups by now.
        self.blue_arns = tuple(
            arn for arn in self.arns if self.blue and arn in self.blue.group.target_groups
        )
        self.traffic: Strategy = (
            Weighted(self, admitted.routing) if admitted.routing else Attach(self)
        )
        self.region = self.stack.region
        self.timeouts = self.stack.timeouts
        info = workflow.info()
        self.release = names.owner(info.workflow_id, info.original_execution_run_id)
        self.green = names.deployment(
            self.stack.name, self.version.tag, info.original_execution_run_id
        )
        self.consistency_grace, self.way_back = (
            self.timeouts.consistency_grace,
            self.timeouts.way_back,
        )
        # What green's minimum is once it serves alone.
        self.green_min = self.stack.capacity.min
        self.groups: dict[str, Group] = {self.blue.name: self.blue.group} if self.blue else {}
        self.images: list[Image] = []
        self.image: Image | None = None
        self.bake: BakeLink | None = None
        self.approval_needed = self.stack.approval
        self.urgent, self.contraction = admitted.urgent, admitted.contraction
        self.reason = ""
        # How many instances of green were found healthy together: what it must keep while it serves.
        self.verified = 0
        self._undo: list[Undo] = []
        super().__init__(operator)

    @property
    def tags(self) -> dict[str, str]:
        return (
            self.stack.tags
            | {
                names.STACK: self.stack.name,
                names.APPLICATION: self.stack.application.name,
                names.TAG: names.tag_value(self.version.tag),
                names.COMMIT: self.version.commit,
                names.RELEASE: self.release,
                names.DEPLOYMENT: self.green,
                names.RECIPE: self.version.recipe,
                names.BASE_IMAGE: self.version.base_image,
                "Name": self.green,
            }
            | ({names.CONTRACTION: "true"} if self.contraction else {})
        )

    @property
    def green_target_group(self) -> TargetGroup:
        """The first that green joins: policies and metrics are its."""
        return next(
            group for group in self.target_groups if group.arn == self.traffic.green_arns[0]
        )

    def marks_of_serving(self) -> dict[str, str]:
        """On green, once it serves: nothing is left to restore."""
        return {
            names.STATE: State.SERVING.value,
            names.SERVED_AT: workflow.now().isoformat(),
            names.RESTORE_MIN: "",
            names.WOKEN_BY: "",
            names.RESTORE_REBALANCE: "",
        }

    def before(
        self,
        what: str,
        undo: Callable[[], Coroutine[Any, Any, None]],
        by_hand: str,
        *,
        vital: bool = False,
    ) -> None:
        """Register how to undo what is about to be done: a lost reply must not lose the way back."""
        self._undo.append(Undo(what, undo, by_hand, vital))

    @asynccontextmanager
    async def rolled_back_on_failure(self) -> AsyncIterator[None]:
        """
        Until this block ends there is a way back, and any failure inside takes it. When it has ended, there is none.

        Raises ApplicationError: RolledBack where blue serves exactly as before and nothing is left, else Dirty with the list.
        """
        try:
            yield
        except FAILURES as error:
            self.reason = describe(error)
            self.operator.no_way_back = "it is being rolled back already"
            left = await shielded(self._roll_back(), self.operator.notes.append)
            raise self._ended_badly(left) from error
        self.operator.no_way_back = "the point of no return has passed: the old deployment is being parked; use rollback once this release has ended"

    @step(
        "Roll back: blue serves exactly as before, what was made for green is gone",
        phase="rolling_back",
        extra=True,
    )
    async def _roll_back(self) -> list[Undo]:
        """Every compensation in reverse, each on its own; returns those that AWS refused for a day."""
        left = []
        while self._undo:
            undo = self._undo.pop()
            self.checklist.note(undo.what)
            try:
                await undo.run()
            except FAILURES as error:
                self.operator.notes.append(
                    f"could not {undo.what}: {describe(error)}; by hand: {undo.by_hand}"
                )
                left.append(undo)
                if undo.vital:
                    left += reversed(self._undo)
                    self._undo.clear()
        await self._tell_of_the_rollback()
        return left

    async def _tell_of_the_rollback(self) -> None:
        """Whatever they say: the way back has been gone."""
        for hook in self.stack.hooks:
            if hook.when == "on_rollback":
                try:
                    await self.certainly(
                        Hooks.run_hook,
                        self._hook(hook),
                        poll(self.timeouts.confirm, hook.timeout),
                        what=f"Hook {hook.name}",
                    )
                except FAILURES as error:
                    self.operator.notes.append(f"the hook {hook.name}: {describe(error)}")

    async def run_hooks(self, when: str) -> None:
        """One after the other. Raises the ActivityError of the first that says no, or nothing in time."""
        for hook in self.stack.hooks:
            if hook.when == when:
                words = await self.do(
                    Hooks.run_hook,
                    self._hook(hook),
                    poll(self.timeouts.confirm, hook.timeout),
                    what=f"Hook {hook.name}",
                )
                self.operator.notes.append(f"hook {hook.name}: {words or 'passed'}")

    def _hook(self, hook: Hook) -> RunHook:
        green = self.groups.get(self.green)
        about = {
            "stack": self.stack.name,
            "tag": self.version.tag,
            "commit": self.version.commit,
            "deployment": self.green,
            "serving": self.blue.tag if self.blue else "",
            "requested_by": self.requested_by,
            "reason": self.reason,
        }
        return RunHook(
            region=self.region,
            hook=hook,
            delivery=names.token(self.release, "hook", hook.name),
            about=about,
            instances=tuple(
                i.id for i in green.instances if health.is_healthy(i, self.traffic.green_arns)
            )
            if green and hook.command
            else (),
        )

    async def until_it_may(self, not_before: str | None = None) -> None:
        """The stack's windows and freezes, and what whoever approved said, are waited for; a rollback waits for none of them."""
        if self.kind != "release" or not (
            self.stack.cutover.windows or self.stack.cutover.freezes or not_before
        ):
            return
        freezes = [(freeze.begin, freeze.end) for freeze in self.stack.cutover.freezes]
        windows = self.stack.cutover.windows
        while True:
            now = workflow.now()
            earliest = max(now, datetime.fromisoformat(not_before)) if not_before else now
            opens = earliest if self.urgent else opens_at(earliest, windows, freezes)
            if opens is None:
                raise DeploymentUnhealthy(
                    "no cutover may begin within a year: see cutover.windows and cutover.freezes"
                )
            if opens <= now:
                return
            self.checklist.note(f"the cutover may begin at {opens:%Y-%m-%d %H:%M} UTC")
            await self.operator.wait(
                (opens - now).total_seconds(), summary="until the cutover may begin"
            )

    def _ended_badly(self, left: list[Undo]) -> ApplicationError:
        serving = (
            f"{self.stack.name} serves {self.blue.tag} as before"
            if self.blue
            else f"{self.stack.name} serves nothing, as before"
        )
        if left:
            if any(undo.vital for undo in left):
                serving = f"{self.green} ({self.version.tag}) goes on serving, since blue could not be restored"
            self.outcome = "\n".join(
                [
                    f"{self.reason}. The way back failed: {serving}. Left to do, once AWS lets you:",
                    *(f"  {undo.what}: {undo.by_hand}" for undo in left),
                ]
            )
        else:
            self.outcome = f"{self.reason}. Rolled back: {serving}, nothing is left behind"
        self.enter("dirty" if left else "rolled_back")
        self.show()
        details = {
            "stack": self.stack.name,
            "tag": self.version.tag,
            "reason": self.reason,
            "left": [{"what": undo.what, "by_hand": undo.by_hand} for undo in left],
        }
        return ApplicationError(
            self.outcome, details, type=DIRTY if left else ROLLED_BACK, non_retryable=True
        )

    def released(self, *, image: str | None, pruned: tuple[str, ...] = ()) -> Released:
        """The good end, of a release and of a rollback."""
        self.outcome = f"{self.stack.name} serves {self.version.tag}"
        self.enter("released")
        self.show()
        return Released(
            stack=self.stack.name,
            tag=self.version.tag,
            commit=self.version.commit,
            deployment=self.green,
            image=image,
            parked=self.blue.name if self.blue else None,
            pruned=pruned,
            notes=tuple(self.operator.notes),
        )

    async def look(self, *, launching: bool = False) -> Observation:
        """One read of both groups and all targets; what the operator sees comes from it."""
        both = (self.green, self.blue.name) if self.blue else (self.green,)
        world: Observation = await self.do(
            Balancers.observe,
            Observe(
                region=self.region,
                groups=both,
                target_groups=self.arns,
                explain=self.green,
                launching=launching,
            ),
        )
        self.groups = world.groups
        return world

    async def until_healthy(self, *, first_poll: float, reads: int) -> Observation:
        """
        Observe, judge, wait, until green is healthy and as large as blue is by then.

        Raises DeploymentUnhealthy with AWS's own words.
        """
        seen, interval = Seen(found=self.green in self.groups), first_poll
        started, paused = workflow.time(), self.operator.seconds_paused
        while True:
            if interval:
                await self.operator.wait(interval, summary="until the next look")
            world = await self.look(launching=True)
            green = world.groups.get(self.green)
            if green:
                seen = seen.with_read(green, self.traffic.green_arns)
            waited = workflow.time() - started - (self.operator.seconds_paused - paused)
            verdict = health.judge(
                green,
                seen,
                self.traffic.green_arns,
                waited=waited,
                timeout=self.timeouts.healthy,
                reads=reads,
                may_lose=self.stack.health.may_lose,
            )
            if isinstance(verdict, health.Unhealthy):
                raise DeploymentUnhealthy(
                    f"{self.version.tag} is not fit to serve: {verdict.reason}"
                )
            if green and await self._follow_blue(green):
                seen, interval = (
                    Seen(instances=seen.instances, lost=seen.lost, found=True),
                    self.timeouts.first_poll,
                )
                # What was launched only now has all the time there is.
                started, paused = workflow.time(), self.operator.seconds_paused
            elif isinstance(verdict, Healthy):
                self.verified = green.desired if green else 0
                self.checklist.note(health.explain(green, self.traffic.green_arns) if green else "")
                return world
            elif isinstance(verdict, NotYet):
                self.checklist.note(verdict.reason)
                slowest = self.timeouts.poll_interval(self.timeouts.healthy)
                interval = (
                    self.timeouts.confirm if seen.streak else min(slowest, max(interval, 0.1) * 1.5)
                )

    async def _follow_blue(self, green: Group) -> bool:
        """Did blue outgrow green? Then green grows first: at the cutover it must carry what blue carries by then."""
        size = capacity.needed(
            self.groups.get(self.blue.name) if self.blue else None, self.stack.capacity
        )
        if self.blue is None or size <= green.desired:
            return False
        least, most = capacity.bounds(size, self.stack.capacity)
        self.checklist.note(f"blue has grown to {size}: green follows")
        await self.do(
            Groups.resize,
            Resize(region=self.region, group=self.green, min=least, max=most, desired=size),
            QUICK,
        )
        return True

    def status(self) -> Status:
        sides = {
            "blue": self._side(self.blue.name, self.blue.tag) if self.blue else None,
            "green": self._side(self.green, self.version.tag),
        }
        healthy = {
            role: health.healthy_targets(
                self.groups[side.deployment], self._arns_of(side.deployment)
            )
            for role, side in sides.items()
            if side and side.healthy is not None
        }
        waiting = "approve cutover" if self.operator.waiting_for_approval else ""
        return (
            super()
            .status()
            .model_copy(
                update=sides
                | {
                    "stack": self.stack.name,
                    "tag": self.version.tag,
                    "commit": self.version.commit,
                    "requested_by": self.requested_by,
                    "bake": self.bake,
                    "waiting_for": waiting,
                    "weights": self.traffic.shares(healthy),
                }
            )
        )

    def _side(self, name: str, tag: str) -> Side | None:
        group = self.groups.get(name)
        if group is None:
            return None
        arns = self._arns_of(name)
        in_balancer = not traffic.detached(group, arns)
        looked_at = any(instance.targets for instance in group.instances)
        return Side(
            deployment=name,
            tag=tag,
            desired=group.desired,
            minimum=group.min,
            in_balancer=in_balancer,
            healthy=health.healthy_units(group, arns) if in_balancer and looked_at else None,
        )

    def _arns_of(self, name: str) -> tuple[str, ...]:
        return self.traffic.green_arns if name == self.green else self.blue_arns
