"""Looks at groups and their targets. What a look returns is small, whatever the groups' sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import MOST_FILTERED, Aws, chunks, code, translated
from activities.classic import Classic
from activities.group_facts import deployment, facts, members, of_stack
from activities.group_requests import OfStack
from activities.rules import FindRules, Rules
from domain import lifecycle
from domain.answering import Place, Wiring, places, with_weight
from domain.group_health import LONGEST, group_health
from domain.marks import mark
from domain.models import Drain, Group, Instance, Model, TargetState
from domain.names import split
from domain.observation import Observation, Parking
from domain.traffic import drain_of

# Failed scaling activities are among the latest ones, if a group lacks instances for them.
ACTIVITIES = 20

Targets = dict[str, dict[str, TargetState]]


class Observe(Model):
    """
    `groups` maps a group's name to the target groups in which its instances must be healthy.

    `explain` names the group whose failed launches are wanted while it lacks instances. With
    `launching`, targets are read only once that group is complete, and the ids of its instances are
    told where `known` is not their digest. `drains` names the group that leaves its target groups.
    With `wiring`, the look also tells who answers the stack's requests.
    """

    region: str
    groups: dict[str, tuple[str, ...]]
    explain: str | None = None
    launching: bool = False
    known: str = ""
    drains: str | None = None
    wiring: Wiring | None = None

    @property
    def target_groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(arn for arns in self.groups.values() for arn in arns))


class ObserveParking(OfStack):
    """`parked` is the group that is to become empty; None where nothing served before."""

    parked: str | None
    wiring: Wiring


class Observer:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._classic = Classic(aws)
        self._rules = Rules(aws)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def observe(self, request: Observe) -> Observation:
        """One call for all groups and one for each target group, for any number of instances."""
        described = self._aws.autoscaling(request.region).describe_auto_scaling_groups(
            AutoScalingGroupNames=list(request.groups)
        )["AutoScalingGroups"]
        there = [group for group in described if not group.get("Status")]
        groups = {group["AutoScalingGroupName"]: facts(group) for group in there}
        instances = {group["AutoScalingGroupName"]: members(group) for group in there}
        explained = groups.get(request.explain or "")
        targets: Targets = {}
        if not (
            request.launching and explained and not _complete(explained, instances[explained.name])
        ):
            targets = self._targets(request.region, request.target_groups, instances.values())
        answering = self._places(request.region, request.wiring, instances, targets)
        if explained and explained.units < explained.desired:
            failures = self._failures(request.region, explained.name)
            groups[explained.name] = explained.model_copy(update={"failures": failures})
        return Observation(
            groups={
                name: _looked_at(group, instances[name], targets, request)
                for name, group in groups.items()
            },
            drain=self._drain(request, instances, targets) if request.drains else None,
            places=answering,
        )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def observe_parking(self, request: ObserveParking) -> Parking:
        """One call for the groups; once the parked one is empty, also what tells who answers."""
        groups = of_stack(self._aws, request.region, request.stack)
        deployments = tuple(deployment(facts(group)) for group in groups)
        parked = next((d.group for d in deployments if d.name == request.parked), None)
        if parked and not lifecycle.is_empty(parked):
            return Parking(deployments=deployments)
        instances = {group["AutoScalingGroupName"]: members(group) for group in groups}
        answering = self._places(request.region, request.wiring, instances, {})
        return Parking(deployments=deployments, places=answering)

    def _targets(
        self, region: str, keys: Iterable[str], instances: Iterable[tuple[Instance, ...]]
    ) -> Targets:
        """By target group's ARN or classic balancer's key, then by instance id."""
        ids = sorted({instance.id for some in instances for instance in some})
        return {key: self._states(region, key, ids) for key in keys}

    def _states(self, region: str, key: str, ids: list[str]) -> dict[str, TargetState]:
        _, balancers = split([key])
        if balancers:
            return self._classic.health(region, balancers[0], ids)
        try:
            health = self._aws.elbv2(region).describe_target_health(TargetGroupArn=key)
        except ClientError as error:
            # Somebody deleted it: nobody answers there.
            if code(error) != "TargetGroupNotFound":
                raise
            return {}
        return {
            item["Target"]["Id"]: TargetState(
                state=item["TargetHealth"].get("State", ""),
                reason=item["TargetHealth"].get("Reason", ""),
                description=item["TargetHealth"].get("Description", ""),
            )
            for item in health["TargetHealthDescriptions"]
        }

    def _places(
        self,
        region: str,
        wiring: Wiring | None,
        instances: Mapping[str, tuple[Instance, ...]],
        targets: Targets,
    ) -> tuple[Place, ...]:
        """A target group whose targets the look has read already is not read again."""
        if wiring is None:
            return ()
        find = FindRules(
            region=region,
            target_groups=wiring.target_groups,
            preview=wiring.preview,
            known=wiring.known,
        )
        rules = self._rules.find_rules(find) if wiring.weighted else []
        missing = [arn for arn in with_weight(wiring, rules) if arn not in targets]
        read = targets | self._targets(region, missing, instances.values())
        return places(wiring, rules, instances, read)

    def _failures(self, region: str, group: str) -> tuple[str, ...]:
        """The latest one."""
        activities = self._aws.autoscaling(region).describe_scaling_activities(
            AutoScalingGroupName=group, MaxRecords=ACTIVITIES
        )["Activities"]
        failed = (
            activity.get("StatusMessage") or activity.get("Description", "")
            for activity in activities
            if activity["StatusCode"] == "Failed"
        )
        return tuple(words[:LONGEST] for words in failed)[:1]

    def _drain(
        self, request: Observe, instances: Mapping[str, tuple[Instance, ...]], targets: Targets
    ) -> Drain:
        """An instance that drains and that no group has any more is asked whose it was."""
        leaving = {instance.id for instance in instances.get(request.drains or "", ())}
        members = {instance.id for some in instances.values() for instance in some}
        ended = {
            target
            for states in targets.values()
            for target, state in states.items()
            if state.state == "draining" and target.startswith("i-") and target not in members
        }
        others = self._of_other_groups(request, sorted(ended)) if ended else set()
        return drain_of(leaving | (ended - others), members - leaving, targets)

    def _of_other_groups(self, request: Observe, ids: list[str]) -> set[str]:
        """
        Those that another group launched, as their tags say.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
        """
        others: set[str] = set()
        for values in chunks(ids, MOST_FILTERED):
            some: Any = [{"Name": "instance-id", "Values": values}]
            pages = (
                self._aws.ec2(request.region)
                .get_paginator("describe_instances")
                .paginate(Filters=some)
            )
            others |= {
                instance["InstanceId"]
                for page in pages
                for reservation in page["Reservations"]
                for instance in reservation["Instances"]
                if {"Key": "aws:autoscaling:groupName", "Value": request.drains}
                not in instance.get("Tags", [])
            }
        return others


def _complete(group: Group, instances: tuple[Instance, ...]) -> bool:
    to_serve = [i.lifecycle for i in instances if lifecycle.is_to_serve(i.lifecycle)]
    return group.units >= group.desired and all(map(lifecycle.serves, to_serve))


def _looked_at(
    group: Group, instances: tuple[Instance, ...], targets: Targets, request: Observe
) -> Group:
    seen = tuple(
        instance.model_copy(
            update={
                "targets": {
                    arn: states[instance.id]
                    for arn, states in targets.items()
                    if instance.id in states
                }
            }
        )
        for instance in instances
    )
    wants_ids = request.launching and group.name == request.explain
    found = group_health(
        group, seen, request.groups[group.name], known=request.known if wants_ids else None
    )
    return group.model_copy(update={"tags": mark(group), "weights": {}, "health": found})
