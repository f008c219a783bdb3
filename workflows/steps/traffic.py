"""The two ways in which the traffic goes from blue to green. The sentences are the same for both."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, Membership
    from activities.rules import PointRules, Rules, SetWeights
    from domain import names, traffic
    from domain.models import TargetGroup
    from domain.traffic import Routing

if TYPE_CHECKING:
    from workflows.steps.cutover import CutoverSteps
    from workflows.steps.releasing import ReleasingSteps


class Strategy(Protocol):
    # The target groups that green joins, by ARN.
    green_arns: tuple[str, ...]
    # What an approver must know of the moment.
    until_approval: str
    # Has green its share of the traffic as soon as it is attached?
    serves_at_once: bool

    async def show(self, do: ReleasingSteps) -> None:
        """Green is healthy, and has no traffic yet: whoever looks through a preview rule sees it."""

    async def shift(self, do: CutoverSteps, *, gradually: bool) -> None:
        """From blue to green, its undo registered before. `gradually`: in the stack's steps, each of them watched."""

    async def leave(self, do: CutoverSteps) -> None:
        """Green has all of the traffic: blue leaves its target groups, its undo registered before."""

    def shares(self, healthy: dict[str, int]) -> dict[str, int]:
        """Percent of the traffic by role."""

    def measured_beside(self) -> TargetGroup | None:
        """Blue's target group, where what CloudWatch says of it is blue's alone."""


class Attach:
    """Green joins the target groups in which blue is, and blue leaves them: between the two both serve."""

    serves_at_once = True
    until_approval = "both versions serve until the approval, which lets blue leave"

    def __init__(self, do: ReleasingSteps) -> None:
        self.green_arns = do.arns

    async def show(self, do: ReleasingSteps) -> None:
        """It has its share already."""

    async def shift(self, do: CutoverSteps, *, gradually: bool) -> None:  # noqa: ARG002 (there is only one step)
        await detach_blue(do)

    async def leave(self, do: CutoverSteps) -> None:
        """It has left: that was the shift."""

    def shares(self, healthy: dict[str, int]) -> dict[str, int]:
        return traffic.shares(healthy)

    def measured_beside(self) -> TargetGroup | None:
        return None


class Weighted:
    """Two target groups behind the same listener rules: green joins the one without traffic, and weights move."""

    serves_at_once = False

    def __init__(self, do: ReleasingSteps, routing: Routing) -> None:
        self._routing = routing
        self.green_arns: tuple[str, ...] = (routing.idle,)
        self._percent = 0 if do.blue else 100
        self._blue = next(group for group in do.target_groups if group.arn == routing.live)
        self._shifted_at: datetime | None = None
        self.until_approval = "blue alone serves until the approval" + (
            ", green is in the preview" if routing.preview else ""
        )

    async def show(self, do: ReleasingSteps) -> None:
        if not self._routing.preview or not do.blue:
            return
        arns = tuple(rule.arn for rule in self._routing.preview)
        back = PointRules(region=do.region, rules=arns, target_group=self._routing.live)
        do.before(
            "let the preview show blue",
            lambda: do.certainly(Rules.point_rules, back),
            "; ".join(
                f"aws elbv2 modify-rule --rule-arn {arn} --actions Type=forward,TargetGroupArn={self._routing.live}"
                for arn in arns
            ),
        )
        shown = PointRules(region=do.region, rules=arns, target_group=self._routing.idle)
        await do.do(Rules.point_rules, shown, what="Let the preview show green")

    async def shift(self, do: CutoverSteps, *, gradually: bool) -> None:
        do.before(
            "give blue the traffic back", lambda: self._restore(do), self._by_hand(), vital=True
        )
        for percent in do.stack.load_balancer.steps if gradually else (100,):
            await do.do(
                Rules.set_weights,
                self._weights(do, percent),
                what=f"{percent} % of the traffic to green",
            )
            self._percent, self._shifted_at = percent, workflow.now()
            do.checklist.note(f"{percent} % of the traffic goes to {do.version.tag}")
            if percent < 100:
                await do.soak(do.timeouts.step)

    async def leave(self, do: CutoverSteps) -> None:
        """A client whose cookie keeps it with blue's target group would be answered 503 once nobody is in there."""
        if self._routing.sticky and self._shifted_at:
            since = (workflow.now() - self._shifted_at).total_seconds()
            do.checklist.note(
                f"clients stay with blue's target group for {self._routing.sticky:.0f} s"
            )
            await do.soak(self._routing.sticky - since)
        await detach_blue(do)

    def shares(self, healthy: dict[str, int]) -> dict[str, int]:  # noqa: ARG002 (it is weights that count)
        return (
            {"blue": 100 - self._percent, "green": self._percent}
            if self._percent < 100
            else {"green": 100}
        )

    def measured_beside(self) -> TargetGroup | None:
        return self._blue

    async def _restore(self, do: CutoverSteps) -> None:
        await do.certainly(
            Rules.set_weights, self._weights(do, 0), what="All of the traffic to blue"
        )
        self._percent = 0

    def _weights(self, do: ReleasingSteps, percent: int) -> SetWeights:
        weights = {self._routing.idle: percent, self._routing.live: 100 - percent}
        return SetWeights(region=do.region, rules=self._routing.rules, weights=weights)

    def _by_hand(self) -> str:
        groups = f"[{{TargetGroupArn={self._routing.live},Weight=100}},{{TargetGroupArn={self._routing.idle},Weight=0}}]"
        return "; ".join(
            f"aws elbv2 {f'modify-listener --listener-arn {rule.listener} --default-actions' if rule.default else f'modify-rule --rule-arn {rule.arn} --actions'}"
            f" 'Type=forward,ForwardConfig={{TargetGroups={groups}}}'"
            for rule in self._routing.rules
        )


async def detach_blue(do: CutoverSteps) -> None:
    blue = do.blue
    if not blue:
        return
    do.before(
        f"attach {blue.name} to the load balancer again",
        lambda: do.reattach(blue.name, do.blue_arns, beside=do.green),
        names.membership_by_hand("attach", blue.name, do.blue_arns),
        vital=True,
    )
    await do.do(
        Balancers.detach, Membership(region=do.region, group=blue.name, target_groups=do.blue_arns)
    )
