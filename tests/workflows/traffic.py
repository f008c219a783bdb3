"""In memory: target groups, listener rules, and what CloudWatch says of them."""

from __future__ import annotations

from temporalio import activity

from activities.aws import nothing_there
from activities.balancers import FindTargetGroups, Membership
from activities.metrics import ReadWatch
from activities.observer import Observe
from activities.rules import FindRules, PointRules, SetWeights
from domain.errors import AwsRefused, InvalidRequest
from domain.group_health import group_health
from domain.models import Drain, Group, Observation, TargetGroup, TargetState
from domain.traffic import Rule, drain_of
from domain.watch import Counted, Watched
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
            sum(machine.weight for machine in explained.machines) < explained.desired
            or any(machine.lifecycle != "InService" for machine in explained.machines)
        )
        asked = () if request.launching and incomplete else request.target_groups
        return Observation(
            groups={group.name: self._looked_at(group, request, asked) for group in found},
            drain=self._drain(request) if request.drains else None,
        )

    def _looked_at(self, group: ScalingGroup, request: Observe, asked: tuple[str, ...]) -> Group:
        wants_ids = request.launching and group.name == request.explain
        facts = self._world.account.facts(group)
        found = group_health(
            facts,
            self._world.account.members(group, asked),
            request.groups[group.name],
            known=request.known if wants_ids else None,
        )
        return facts.model_copy(update={"tags": {}, "weights": {}, "health": found})

    def _drain(self, request: Observe) -> Drain:
        """Whoever drains was of the group that leaves, or is of the other one."""
        account = self._world.account
        staying = {
            machine.id
            for name in request.groups
            if name in account.groups and name != request.drains
            for machine in account.groups[name].machines
        }
        targets = {
            arn: {
                target: TargetState(state=state)
                for target, state in account.targets.get(arn, {}).items()
            }
            for arn in request.target_groups
        }
        leaving = {
            i for states in targets.values() for i, s in states.items() if s.state == "draining"
        }
        blue = account.groups.get(request.drains or "")
        leaving |= {machine.id for machine in blue.machines} if blue else set()
        return drain_of(leaving - staying, staying, targets)

    @activity.defn
    async def find_rules(self, request: FindRules) -> list[Rule]:
        wanted = {group.arn for group in request.target_groups}
        return [r for r in self._world.account.rules.values() if wanted & r.weights.keys()]

    @activity.defn
    async def set_weights(self, request: SetWeights) -> None:
        rules = self._world.account.rules
        for asked in request.rules:
            known = rules[asked.arn]
            weights = {a: request.weights.get(a, w) for a, w in known.weights.items()}
            rules[asked.arn] = known.model_copy(update={"weights": weights})

    @activity.defn
    async def point_rules(self, request: PointRules) -> None:
        rules = self._world.account.rules
        for arn in request.rules:
            rules[arn] = rules[arn].model_copy(update={"weights": {request.target_group: 1}})

    @activity.defn
    async def read_watch(self, request: ReadWatch) -> Watched:
        counted = self._world.counted
        return Watched(
            alarms={n: s for n, s in self._world.alarms.items() if n in request.watch.alarms},
            green=counted.get(request.green.arn, Counted()),
            blue=counted.get(request.blue.arn, Counted()) if request.blue else None,
        )
