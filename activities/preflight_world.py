"""What the checks before a release share: the request, and what AWS says of it."""

from __future__ import annotations

import math
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from activities.remembered import Remembered
from domain.config import Stack
from domain.models import TargetGroup


@dataclass(frozen=True)
class World:
    """
    `size` is green's desired size; `blue` the name of the group that serves, and is to leave the
    target groups `leaves`.

    `subnets` are the stack's, as AWS describes them.
    """

    stack: Stack
    size: int
    target_groups: tuple[TargetGroup, ...]
    blue: str | None
    leaves: tuple[str, ...]
    image: str | None
    subnets: list[Any]
    # The stack's instance types as AWS describes them. An error is raised to each check that asks.
    described: Future[list[Any]]
    remembered: Remembered

    @property
    def types(self) -> list[str]:
        return types(self.stack)

    @property
    def kinds(self) -> list[Any]:
        return self.described.result()

    @property
    def instances(self) -> int:
        """The number of instances of the preferred type that the size needs."""
        return math.ceil(self.size / self.weight(self.types[0]))

    def weight(self, kind: str) -> int:
        mixed = self.stack.instance.mixed
        return mixed.types[kind] if mixed else 1

    @property
    def zones(self) -> set[str]:
        return {subnet["AvailabilityZone"] for subnet in self.subnets}


def types(stack: Stack) -> list[str]:
    return list(stack.instance.mixed.types) if stack.instance.mixed else [stack.instance.type]
