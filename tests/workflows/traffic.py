"""In memory: target groups, listener rules, and what CloudWatch says of them."""

from __future__ import annotations

from collections.abc import Collection

from temporalio import activity

from activities.aws import nothing_there
from activities.balancers import FindTargetGroups, Membership
from activities.draining import Drainage, FindDrainage
from activities.group_facts import deployment
from activities.metrics import ReadWatch
from activities.observer import Observe, ObserveParking
from activities.rules import FindRules, PointRules, ReturnWeights, Shifted, ShiftWeights
from domain import lifecycle
from domain.answering import Place, Wiring, places
from domain.errors import AwsRefused, InvalidRequest
from domain.group_health import group_health
from domain.lifecycle import is_empty
from domain.marks import mark
from domain.models import Drain, Group, TargetGroup, TargetState
from domain.observation import Observation, Parking
from domain.traffic import Rule, drain_of
from domain.watch import Counted, Watched
from domain.weights import back, forward, named
from tests.workflows.account import ScalingGroup
from tests.workflows.world import World


class TrafficInMemory:
    def __init__(self, world: World) -> None:
        self._world = world

    @activity.defn
    async def find_target_groups(self, request: FindTargetGroups) -> list[TargetGroup]:
        known = {
            key: group for group in self._world.target_groups for key in (group.arn, group.name)
        }
        if missing := [name for name in request.names if name not in known]:
            raise InvalidRequest(f"not all target groups of the stack exist: {', '.join(missing)}")
        return [known[name] for name in request.names]

    @activity.defn
    async def find_drainage(self, request: FindDrainage) -> Drainage:
        delays = {arn: self._world.delays.get(arn, 1) for arn in request.target_groups}
        cuts = tuple(arn for arn, delay in delays.items() if not delay)
        return Drainage(seconds=max(delays.values(), default=0), cuts=cuts)

    @activity.defn
    async def attach(self, request: Membership) -> None:
        group = self._group(request)
        group.target_groups += [a for a in request.target_groups if a not in group.target_groups]

    @activity.defn
    async def detach(self, request: Membership) -> None:
        self._world.account.detach(self._group(request), request.target_groups)

    def _group(self, request: Membership) -> ScalingGroup:
        group = self._world.account.groups.get(request.group)
        if group is not None:
            return group
        nothing_there(f"the group {request.group}", request.visible_by)
        raise AwsRefused(f"AWS refused ValidationError: AutoScalingGroup {request.group} not found")

    @activity.defn
    async def observe(self, request: Observe) -> Observation:
        account = self._world.account
        account.look()
        found = [account.groups[name] for name in request.groups if name in account.groups]
        explained = account.groups.get(request.explain or "")
        incomplete = explained and (
            account.facts(explained).units < explained.desired
            or any(
                lifecycle.is_to_serve(machine.lifecycle) and not lifecycle.serves(machine.lifecycle)
                for machine in explained.machines
            )
        )
        asked = () if request.launching and incomplete else request.target_groups
        return Observation(
            groups={group.name: self._looked_at(group, request, asked) for group in found},
            drain=self._drain(request) if request.drains else None,
            places=self._places(request.wiring, found) if request.wiring else (),
        )

    @activity.defn
    async def observe_parking(self, request: ObserveParking) -> Parking:
        self._world.account.look()
        shown = self._world.shown.get("observe_parking", self._world.account)
        groups = shown.deployments(request.stack)
        deployments = tuple(deployment(shown.facts(group)) for group in groups)
        parked = next((d.group for d in deployments if d.name == request.parked), None)
        if parked and not is_empty(parked):
            return Parking(deployments=deployments)
        return Parking(deployments=deployments, places=self._places(request.wiring, groups))

    def _places(self, wiring: Wiring, groups: list[ScalingGroup]) -> tuple[Place, ...]:
        account = self._world.account
        return places(
            wiring,
            self._rules(wiring.target_groups, wiring.preview, wiring.known),
            {group.name: account.members(group, ()) for group in groups},
            {arn: self._states(arn) for arn in wiring.arns},
        )

    def _states(self, arn: str) -> dict[str, TargetState]:
        states = self._world.account.targets.get(arn, {})
        return {target: TargetState(state=state) for target, state in states.items()}

    def _looked_at(self, group: ScalingGroup, request: Observe, asked: tuple[str, ...]) -> Group:
        wants_ids = request.launching and group.name == request.explain
        facts = self._world.account.facts(group)
        found = group_health(
            facts,
            self._world.account.members(group, asked),
            request.groups[group.name],
            known=request.known if wants_ids else None,
        )
        return facts.model_copy(update={"tags": mark(facts), "weights": {}, "health": found})

    def _drain(self, request: Observe) -> Drain:
        """Whoever drains was of the group that leaves, or is of the other one."""
        account = self._world.account
        staying = {
            machine.id
            for name in request.groups
            if name in account.groups and name != request.drains
            for machine in account.groups[name].machines
        }
        targets = {arn: self._states(arn) for arn in request.target_groups}
        leaving = {
            i for states in targets.values() for i, s in states.items() if s.state == "draining"
        }
        blue = account.groups.get(request.drains or "")
        leaving |= {machine.id for machine in blue.machines} if blue else set()
        return drain_of(leaving - staying, staying, targets)

    @activity.defn
    async def find_rules(self, request: FindRules) -> list[Rule]:
        return self._rules(request.target_groups, request.preview, request.known)

    def _rules(
        self,
        target_groups: tuple[TargetGroup, ...],
        preview: tuple[str, ...],
        known: Collection[str] = (),
    ) -> list[Rule]:
        wanted = {group.arn for group in target_groups}
        return [
            rule
            for rule in self._world.account.rules.values()
            if (wanted & rule.weights.keys() or rule.arn in known) and rule.arn not in preview
        ]

    @activity.defn
    async def shift_weights(self, request: ShiftWeights) -> Shifted:
        known = {rule.arn for rule in request.before}
        found = self._rules(request.target_groups, request.preview, known)
        step = forward(
            found,
            request.before,
            live=request.live,
            idle=request.idle,
            reached=request.reached,
            percent=request.percent,
        )
        if request.insist or not step.objections:
            self._write(step.weights)
        sticky = max((rule.sticky for rule in found), default=0)
        return Shifted(
            found=step.found, before=step.before, objections=step.objections, sticky=sticky
        )

    @activity.defn
    async def return_weights(self, request: ReturnWeights) -> float:
        found = self._rules(request.target_groups, request.preview)
        if request.only_name:
            self._write(named(found, live=request.live, idle=request.idle))
            return 0
        weights = back(found, request.before, live=request.live, idle=request.idle)
        self._write(weights)
        return max((rule.sticky for rule in found if weights), default=0)

    @activity.defn
    async def point_rules(self, request: PointRules) -> None:
        self._write(request.weights)

    def _write(self, weights: dict[str, dict[str, int]]) -> None:
        rules = self._world.account.rules
        for arn in weights.keys() & rules.keys():
            rules[arn] = rules[arn].model_copy(update={"weights": weights[arn]})

    @activity.defn
    async def read_watch(self, request: ReadWatch) -> Watched:
        counted = self._world.counted
        return Watched(
            alarms={n: s for n, s in self._world.alarms.items() if n in request.watch.alarms},
            green=counted.get(request.green.arn, Counted()),
            blue=counted.get(request.blue.arn, Counted()) if request.blue else None,
        )
