"""Is green healthy enough to serve?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.models import Group, Instance, TargetState

LEAVING = ("Terminating", "Terminating:Wait", "Terminating:Proceed", "Terminated")


@dataclass(frozen=True)
class Healthy:
    pass


@dataclass(frozen=True)
class NotYet:
    reason: str


@dataclass(frozen=True)
class Unhealthy:
    reason: str


Verdict = Healthy | NotYet | Unhealthy


@dataclass(frozen=True)
class Seen:
    """
    What earlier polls showed.

    `instances` are all instances ever seen. `streak` counts the polls in a row in which the same
    instances, `healthy`, were healthy. `lost` are instances that were seen and are gone or leaving.
    """

    instances: frozenset[str] = frozenset()
    healthy: frozenset[str] = frozenset()
    streak: int = 0
    lost: frozenset[str] = frozenset()
    found: bool = False

    def with_read(self, group: Group, target_groups: tuple[str, ...]) -> Seen:
        """One more read, in order. Another set of healthy instances restarts `streak`."""
        here = frozenset(i.id for i in group.instances if i.lifecycle not in LEAVING)
        leaving = frozenset(i.id for i in group.instances if i.lifecycle in LEAVING)
        fit = frozenset(i.id for i in group.instances if is_healthy(i, target_groups))
        complete = healthy_units(group, target_groups) >= group.desired and fit == here
        again = complete and fit == self.healthy
        return replace(
            self,
            instances=self.instances | here,
            healthy=fit if complete else frozenset(),
            streak=self.streak + 1 if again else int(complete),
            lost=self.lost | leaving | (self.instances - here),
            found=True,
        )


def is_healthy(instance: Instance, target_groups: tuple[str, ...]) -> bool:
    """
    In service, and healthy in every target group.

    In service alone says nothing about the application.
    """
    return (
        instance.lifecycle == "InService"
        and instance.healthy
        and all(
            instance.targets.get(arn, TargetState(state="")).state == "healthy"
            for arn in target_groups
        )
    )


def healthy_units(group: Group, target_groups: tuple[str, ...]) -> int:
    """In the units of the group's sizes: instances, or their weights where they have any."""
    return sum(
        instance.weight for instance in group.instances if is_healthy(instance, target_groups)
    )


def healthy_targets(group: Group, target_groups: tuple[str, ...]) -> int:
    """A balancer gives each of them the same share, whatever its weight in the group."""
    return sum(is_healthy(instance, target_groups) for instance in group.instances)


def judge(
    group: Group | None,
    seen: Seen,
    target_groups: tuple[str, ...],
    *,
    waited: float,
    timeout: float,
    reads: int,
    may_lose: int = 0,
) -> Verdict:
    """
    Healthy after `reads` polls in a row with the same instances healthy, as many as desired.

    `seen` includes this read. `waited` and `timeout` are seconds. Sizes are in units of weight.
    More than `may_lose` lost instances are Unhealthy at once: the instances of this version do not
    stay up, and Auto Scaling would replace them again and again.
    """
    if group is None:
        if not seen.found and waited < timeout:
            return NotYet("AWS does not show the new Auto Scaling group yet")
        return Unhealthy("the Auto Scaling group is gone: somebody deleted it")
    if hopeless := _hopeless(group, seen, may_lose):
        return Unhealthy(hopeless)
    if seen.streak >= reads:
        return Healthy()
    reason = explain(group, target_groups)
    if seen.streak:
        reason = f"{reason}, {seen.streak} of {reads} reads in a row"
    # The second of two agreeing reads may come after the timeout: a worker may have been away.
    return (
        NotYet(reason)
        if waited < timeout or seen.streak
        else Unhealthy(f"after {waited:.0f} s {reason}")
    )


def _hopeless(group: Group, seen: Seen, may_lose: int) -> str:
    """Why the group cannot become healthy; empty where it can."""
    if halted := sorted({"Launch", "AddToLoadBalancer"} & set(group.suspended)):
        return f"somebody suspended {', '.join(halted)} of the group: it cannot become healthy"
    if len(seen.lost) > may_lose:
        words = f"; AWS says: {group.failures[0]}" if group.failures else ""
        return (
            f"{_count(len(seen.lost), 'instance')} did not stay up "
            f"({', '.join(sorted(seen.lost))}){words}"
        )
    if unused := _not_in_use(group):
        return f"the target group {unused} is on no listener: its health checks never run"
    return ""


def still_healthy(group: Group | None, target_groups: tuple[str, ...], floor: int) -> Verdict:
    """
    While it serves: at least `floor` units are healthy.

    Fewer are Unhealthy at once, since users already reach this version.
    """
    if group is None:
        return Unhealthy("the Auto Scaling group is gone: somebody deleted it")
    if healthy_units(group, target_groups) >= floor:
        return Healthy()
    return Unhealthy(f"while it served, {explain(group, target_groups)}")


def looked_at(group: Group) -> bool:
    """Did the last look ask the targets of the group's instances?"""
    return any(instance.targets for instance in group.instances)


def explain(group: Group, target_groups: tuple[str, ...]) -> str:
    """One line: how many are healthy, and in AWS's words what is wrong with the others."""
    unit = "unit" if any(instance.weight > 1 for instance in group.instances) else "instance"
    line = f"{healthy_units(group, target_groups)} of {_count(group.desired, unit)} healthy"
    reasons = sorted(
        {why for instance in group.instances if (why := _why_not(instance, target_groups))}
    )
    if group.units < group.desired and group.failures:
        reasons.insert(0, group.failures[0])
    return f"{line} ({'; '.join(reasons[:3])})" if reasons else line


def _why_not(instance: Instance, target_groups: tuple[str, ...]) -> str:
    if instance.lifecycle != "InService":
        return instance.lifecycle
    if not instance.healthy:
        return "Auto Scaling says Unhealthy"
    for arn in target_groups:
        target = instance.targets.get(arn)
        if target is None:
            return "not registered yet"
        if target.state != "healthy":
            words = target.description or target.reason
            return f"{target.state}: {words}" if words else target.state
    return ""


def _not_in_use(group: Group) -> str:
    for instance in group.instances:
        for arn, target in instance.targets.items():
            if target.reason == "Target.NotInUse":
                return arn.split("/")[-2] if "/" in arn else arn
    return ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
