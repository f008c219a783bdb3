"""Is green healthy enough to serve?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.group_health import count, some
from domain.models import Group, GroupHealth


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

    `instances` are the ids of all instances ever seen, `present` the digest of those of the last
    poll. `streak` counts the polls in a row in which the same instances, with the digest `healthy`,
    were healthy. `lost` are instances that were seen and are gone or leaving. `excused` are not
    lost: they were leaving when this wait began, and say nothing of it. None: the first read tells.
    """

    instances: frozenset[str] = frozenset()
    present: str = ""
    healthy: str = ""
    streak: int = 0
    lost: frozenset[str] = frozenset()
    found: bool = False
    excused: frozenset[str] | None = frozenset()

    def with_read(self, health: GroupHealth) -> Seen:
        """One more read, in order. Another set of healthy instances restarts `streak`."""
        again = health.complete and health.healthy == self.healthy
        leaving = frozenset(health.leaving)
        excused = leaving if self.excused is None else self.excused
        read = replace(
            self,
            present=health.present,
            healthy=health.healthy if health.complete else "",
            streak=self.streak + 1 if again else int(health.complete),
            lost=self.lost | (leaving - excused),
            found=True,
            excused=excused,
        )
        if health.ids is None:
            return read
        here = frozenset(health.ids)
        return replace(
            read, instances=self.instances | here, lost=read.lost | (self.instances - here)
        )

    def again(self) -> Seen:
        """From the start, with the instances that are known."""
        return replace(self, healthy="", streak=0, found=True)


def health_of(group: Group) -> GroupHealth:
    """A look gives it. Raises ValueError for a group that was found otherwise."""
    if group.health is None:
        raise ValueError(f"no look was taken at {group.name}")
    return group.health


def judge(
    group: Group | None,
    seen: Seen,
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
    reason = health_of(group).explained
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
            f"{count(len(seen.lost), 'instance')} did not stay up "
            f"({some(sorted(seen.lost))}){words}"
        )
    if unused := health_of(group).unused:
        return f"the target group {unused} is on no listener: its health checks never run"
    return ""


def still_healthy(
    group: Group | None, verified: int, *, may_lose: int, lacking: float, timeout: float
) -> Verdict:
    """
    While it serves: what may it lack of the `verified` units that were healthy when it began to?

    `may_lose` instances for as long as it takes. One more, as long as others are healthy, for
    `timeout` seconds: AWS replaces it (NotYet); it has lacked something for `lacking` seconds. More
    is Unhealthy at once, since users already reach this version.
    """
    if group is None:
        return Unhealthy("the Auto Scaling group is gone: somebody deleted it")
    found = health_of(group)
    # Fewer than it wants now is no fault: it may scale out, and new instances boot. Fewer than it
    # had is none either: it may scale in. Nobody at all is always one.
    wanted = min(verified, group.desired) - may_lose * found.heaviest
    floor = max(min(1, verified), wanted)
    if found.units >= floor:
        return Healthy()
    if found.units >= max(1, floor - found.heaviest) and lacking < timeout:
        return NotYet(f"{found.explained}: AWS replaces what is missing")
    return Unhealthy(f"while it served, {found.explained}")
