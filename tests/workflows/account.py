"""
The state of an AWS account in memory.

Time passes by looks: what was asked for takes effect at the next look.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from activities.group_facts import counted
from domain import lifecycle, names
from domain.group_health import is_healthy
from domain.group_settings import WarmPool
from domain.models import Group, Image, Instance, TargetState
from domain.sections import Mixed
from domain.sweep import Owned
from domain.traffic import Rule

ZONES = ("eu-west-1a", "eu-west-1b")
LONG_AGO = "2020-01-01T00:00:00+00:00"


@dataclass
class Machine:
    """An instance of a group; `fit` is whether its application answers the health check."""

    id: str
    image: str
    zone: str
    lifecycle: str = "Pending"
    weight: int = 1
    protected: bool = False
    fit: bool = True


@dataclass
class ScalingGroup:
    """
    An Auto Scaling group. `fit`: do the instances that it launches become healthy? `hooked`: do
    those that it ends wait for a lifecycle hook?
    """

    name: str
    min: int
    max: int
    desired: int
    image: str
    tags: dict[str, str]
    launch_template: str | None = None
    launch_configuration: str | None = None
    machines: list[Machine] = field(default_factory=list)
    target_groups: list[str] = field(default_factory=list)
    suspended: set[str] = field(default_factory=set)
    policies: list[str] = field(default_factory=list)
    schedule: list[str] = field(default_factory=list)
    failures: tuple[str, ...] = ()
    mixed: Mixed | None = None
    on_demand: bool = True
    warm_pool: WarmPool | None = None
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    fit: bool = True
    hooked: bool = False


@dataclass
class Account:
    """Everything by its name or id; `targets` by target group and instance."""

    groups: dict[str, ScalingGroup] = field(default_factory=dict)
    templates: dict[str, Owned] = field(default_factory=dict)
    template_images: dict[str, str] = field(default_factory=dict)
    configurations: dict[str, str] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)
    image_tags: dict[str, dict[str, str]] = field(default_factory=dict)
    builders: dict[str, Owned] = field(default_factory=dict)
    builder_states: dict[str, str] = field(default_factory=dict)
    security_groups: dict[str, Owned] = field(default_factory=dict)
    snapshots: dict[str, Owned] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    targets: dict[str, dict[str, str]] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def copy(self) -> Account:
        return copy.deepcopy(self)

    def look(self) -> None:
        """One step: what was asked for by now is under way, and what was under way is there."""
        for group in list(self.groups.values()):
            self._end_what_leaves(group)
        for states in self.targets.values():
            for target in [t for t, state in states.items() if state == "draining"]:
                del states[target]
        for group in self.groups.values():
            self._register(group)
            self._resize(group)

    def _end_what_leaves(self, group: ScalingGroup) -> None:
        for machine in [m for m in group.machines if lifecycle.leaves(m.lifecycle)]:
            if group.hooked:
                machine.lifecycle = "Terminating:Wait"
            else:
                group.machines.remove(machine)
            for states in self.targets.values():
                states.pop(machine.id, None)

    def _register(self, group: ScalingGroup) -> None:
        for machine in group.machines:
            if machine.lifecycle == "Pending":
                machine.lifecycle = "InService"
            if machine.lifecycle != "InService":
                continue
            for arn in group.target_groups:
                states = self.targets.setdefault(arn, {})
                if machine.id in states:
                    states[machine.id] = "healthy" if machine.fit else "unhealthy"
                elif "AddToLoadBalancer" not in group.suspended:
                    states[machine.id] = "initial"

    def _resize(self, group: ScalingGroup) -> None:
        staying = [m for m in group.machines if lifecycle.counts(m.lifecycle)]
        units = sum(machine.weight for machine in staying)
        while units < group.desired and "Launch" not in group.suspended and not group.failures:
            weight = next(iter(group.mixed.types.values())) if group.mixed else 1
            group.machines.append(self.launch(group, weight))
            units += weight
        held = "Terminate" in group.suspended
        for machine in [m for m in reversed(staying) if not (m.protected or held)]:
            if units - machine.weight >= group.desired:
                self.end(machine)
                units -= machine.weight

    def launch(self, group: ScalingGroup, weight: int = 1) -> Machine:
        number = next(self.numbers)
        zone = ZONES[number % len(ZONES)]
        return Machine(f"i-{number:04}", group.image, zone, weight=weight, fit=group.fit)

    def end(self, machine: Machine) -> None:
        machine.lifecycle = "Terminating"
        for states in self.targets.values():
            if machine.id in states:
                states[machine.id] = "draining"

    def detach(self, group: ScalingGroup, arns: tuple[str, ...]) -> None:
        group.target_groups = [arn for arn in group.target_groups if arn not in arns]
        for arn in arns:
            states = self.targets.get(arn, {})
            for machine in group.machines:
                if machine.id in states:
                    states[machine.id] = "draining"

    def healthy_units(self, arn: str) -> int:
        """Of what answers in a target group, whoever's it is."""
        return sum(
            instance.weight
            for group in self.groups.values()
            if arn in group.target_groups
            for instance in self.members(group, (arn,))
            if is_healthy(instance, (arn,))
        )

    def members(self, group: ScalingGroup, arns: Collection[str]) -> tuple[Instance, ...]:
        """With what these target groups say of them."""
        return tuple(
            Instance(
                id=machine.id,
                lifecycle=machine.lifecycle,
                protected=machine.protected,
                weight=machine.weight,
                targets={
                    arn: TargetState(state=states[machine.id])
                    for arn, states in self.targets.items()
                    if arn in arns and machine.id in states
                },
            )
            for machine in sorted(group.machines, key=lambda machine: machine.id)
        )

    def facts(self, group: ScalingGroup) -> Group:
        """As Auto Scaling describes it."""
        return Group(
            name=group.name,
            min=group.min,
            max=group.max,
            desired=group.desired,
            **counted(self.members(group, ())),
            target_groups=tuple(group.target_groups),
            suspended=tuple(sorted(group.suspended)),
            tags=group.tags,
            launch_template=group.launch_template,
            launch_configuration=group.launch_configuration,
            failures=group.failures,
            mixed=group.mixed is not None,
            weights=dict(group.mixed.types) if group.mixed else {},
            warm_pool=group.warm_pool is not None,
        )

    def deployments(self, stack: str) -> list[ScalingGroup]:
        return [g for g in self.groups.values() if g.tags.get(names.STACK) == stack]
