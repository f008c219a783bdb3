"""What a sweep looks at before it takes something away, and at its end."""

from __future__ import annotations

from collections.abc import Iterable

from temporalio import workflow

from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from activities.observer import Observe, Observer
    from domain import capacity
    from domain.answering import Wiring, answers, refusal, who_answers
    from domain.config import Stack
    from domain.errors import NotRestored
    from domain.models import Deployment
    from domain.observation import Observation


class SweepLooks:
    """`serving` is what is marked as serving, if anything is."""

    def __init__(self, run: Run, stack: Stack, wiring: Wiring, serving: Deployment | None) -> None:
        self._run = run
        self._stack = stack
        self._wiring = wiring
        self._serving = serving

    async def before_it_leaves(self, name: str, missing: int) -> None:
        """
        `missing` units of what serves need not be healthy. Raises NotRestored where `name` answers,
        and what serves cannot take over.
        """
        seen = await self._look([name])
        leaving = seen.groups.get(name)
        if leaving and leaving.units and self._serving and not self._answers(seen):
            raise NotRestored(
                f"{name} stays: {self._serving.name} is marked as serving and does not answer, so "
                f"{name} may be all that could serve"
            )
        group = seen.groups.get(self._serving.name) if self._serving else None
        least = capacity.least(group, missing) if group else 1
        staying = group.name if group else "nothing"
        if why := refusal(seen.places, leaving=name, staying=staying, least=least):
            raise NotRestored(f"{name} answers, and stays: {why}")

    async def broken(self, cleared: Iterable[str]) -> dict[str, str]:
        """By deployment: what is not as the sweep was to leave it. `cleared` must not answer."""
        gone = set(cleared) - ({self._serving.name} if self._serving else set())
        if not (gone or self._serving):
            return {}
        seen = await self._look(sorted(gone))
        who = who_answers(seen.places, {})
        still = {name: f"it still answers: {who}" for name in gone if answers(seen.places, name)}
        if not self._serving or self._answers(seen):
            return still
        return still | {self._serving.name: f"it is marked as serving, and does not answer: {who}"}

    def _answers(self, seen: Observation) -> bool:
        return self._serving is not None and answers(seen.places, self._serving.name)

    async def _look(self, names: Iterable[str]) -> Observation:
        groups: dict[str, tuple[str, ...]] = dict.fromkeys(names, ())
        if self._serving:
            theirs = self._serving.group.target_groups
            groups[self._serving.name] = tuple(a for a in self._wiring.arns if a in theirs)
        look = Observe(region=self._stack.region, groups=groups, wiring=self._wiring)
        return await self._run.do(Observer.observe, look, what="Who answers now?")
