"""What a run saw last. Each fact has one method that writes it."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.answering import Place
    from domain.continued import WorldState
    from domain.health import Seen
    from domain.models import Deployment, Group
    from domain.observation import Observation
    from domain.traffic import Rule
    from domain.watch import Red

FRESH = timedelta(seconds=1)


class World:
    def __init__(self, state: WorldState) -> None:
        self._state = state

    @property
    def now(self) -> WorldState:
        return self._state

    @property
    def groups(self) -> dict[str, Group]:
        return self._state.groups

    def group_of(self, deployment: Deployment | None) -> Group | None:
        """Its group as it was seen last; None where it was not seen, or there is no deployment."""
        return self.groups.get(deployment.name) if deployment else None

    def saw(self, observation: Observation) -> None:
        """A look at all groups that it has named: one that it does not show is gone."""
        self._write(groups=observation.groups, drain=observation.drain, looked_at=workflow.now())

    @property
    def is_fresh(self) -> bool:
        """Is the last look only just over? Then another one would tell the same."""
        then = self._state.looked_at
        return then is not None and workflow.now() - then <= FRESH

    def saw_some(self, observation: Observation) -> None:
        """A look at some groups."""
        self._write(groups=self.groups | observation.groups)

    def marks(self, *, tried: bool) -> None:
        """Was AWS told that green serves, so that it may have to be told otherwise again?"""
        self._write(marked=tried)

    def saw_marks(self, observation: Observation) -> None:
        """A look at groups that asked for no target's health: it tells their marks."""
        marks = {name: {"tags": group.tags} for name, group in observation.groups.items()}
        self._write(
            groups={
                name: group.model_copy(update=marks.get(name))
                for name, group in self.groups.items()
            }
        )

    def saw_group(self, group: Group) -> None:
        self._write(groups=self.groups | {group.name: group})

    def saw_launching(self, seen: Seen | None) -> None:
        """None where the launch is over."""
        self._write(launching=seen)

    def has_left(self) -> None:
        """Blue was told to leave the load balancer."""
        self._write(left_at=workflow.now())

    @property
    def seconds_since_left(self) -> float:
        then = self._state.left_at
        return (workflow.now() - then).total_seconds() if then else 0.0

    def saw_blue_serve(self, group: Group) -> None:
        """Before it leaves. What counts is how good it was at its best."""
        if self._state.left_at is None and group.health and group.health.asked:
            missing = max(0, group.desired - group.health.units)
            best = self._state.blue_missing
            self._write(blue_missing=missing if best is None else min(best, missing))

    def saw_who_answers(self, places: tuple[Place, ...] | None) -> None:
        """None where the look did not ask for it."""
        if places is not None:
            self._write(places=places, answered_at=workflow.now())

    @property
    def who_answers_now(self) -> tuple[Place, ...] | None:
        """None where the last look at it is not only just over."""
        then = self._state.answered_at
        fresh = then is not None and workflow.now() - then <= FRESH
        return self._state.places if fresh else None

    def wired(self, rules: tuple[Rule, ...], sticky: float) -> None:
        """The rules as they were before this run changed them, and how long they keep a client."""
        self._write(
            rules=rules, sticky=max(sticky, self._state.sticky), rules_read_at=workflow.now()
        )

    def drains_for(self, seconds: float) -> None:
        """The balancers give what leaves them so long."""
        self._write(drains_for=seconds)

    def found_healthy(self, size: int) -> None:
        self._write(verified=size)

    def looked(self, *, whole: bool, bad: bool) -> int:
        """
        Green lacks something unless it is `whole`, and more than it may where that is `bad`: how
        many looks in a row found that, whichever wait they belonged to.
        """
        since = None if whole else self._state.lacking_since or workflow.now()
        bad_looks = self._state.bad_looks + 1 if bad else 0
        self._write(lacking_since=since, bad_looks=bad_looks)
        return bad_looks

    @property
    def is_whole(self) -> bool:
        """Did the last look at a green that serves find that it lacks nothing?"""
        return self._state.lacking_since is None

    @property
    def seconds_lacking(self) -> float:
        then = self._state.lacking_since
        return (workflow.now() - then).total_seconds() if then else 0.0

    def is_red(self, red: Red) -> None:
        """It was before the rollback began, and has not been in order since."""
        self._write(red=red)

    def shifted(self, green_percent: int) -> None:
        self._write(green_percent=green_percent, shifted_at=workflow.now())

    @property
    def knows_the_rules(self) -> bool:
        """Were they read only just now? Then reading them again would tell the same."""
        then = self._state.rules_read_at
        return then is not None and workflow.now() - then <= FRESH

    def _write(self, **facts: object) -> None:
        self._state = self._state.model_copy(update=facts)
