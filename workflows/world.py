"""What a run saw last. Each fact has one method that writes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.models import Group, Observation


class World:
    def __init__(self, groups: Iterable[Group] = (), green_percent: int = 0) -> None:
        self._groups = {group.name: group for group in groups}
        self._verified = 0
        self._green_percent = green_percent
        self._shifted_at: datetime | None = None

    @property
    def groups(self) -> dict[str, Group]:
        return self._groups

    @property
    def verified(self) -> int:
        """How large green was when all of it was found healthy: the size it must keep."""
        return self._verified

    @property
    def green_percent(self) -> int:
        """Green's share of the traffic, where the strategy is weighted."""
        return self._green_percent

    @property
    def shifted_at(self) -> datetime | None:
        return self._shifted_at

    def saw(self, observation: Observation) -> None:
        """A look at all groups that it has named: one that it does not show is gone."""
        self._groups = observation.groups

    def saw_some(self, observation: Observation) -> None:
        """A look at some groups."""
        self._groups = self._groups | observation.groups

    def saw_group(self, group: Group) -> None:
        self._groups = self._groups | {group.name: group}

    def found_healthy(self, size: int) -> None:
        self._verified = size

    def shifted(self, green_percent: int) -> None:
        self._green_percent, self._shifted_at = green_percent, workflow.now()
