"""The kinds of meddling: each is one function that does one thing to the account."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bench.meddle.scene import Scene

EVERY = ("attach", "weighted", "classic")
# Those with target groups and listeners; a classic balancer has neither.
MODERN = ("attach", "weighted")
WEIGHTED = ("weighted",)
# Seconds within which a balancer notices that an instance is gone, and others' lists follow.
MOMENT = 4.0
# Seconds within which a release that sees its green gone has blue in place again.
UNTIL_BACK = 12.0
FOREVER = math.inf
# The moments, in the order of a release.
LAUNCHING, UNHEALTHY, APPROVAL = "green launches", "green gets healthy", "approval is waited for"
HALF, ALONE, HOT, DRAINING = "green has half", "green serves alone", "blue is hot", "blue drains"
ANY_TIME = (LAUNCHING, UNHEALTHY, APPROVAL, HALF, ALONE, HOT, DRAINING)
AFTER_CUTOVER = (ALONE, HOT, DRAINING)


@dataclass(frozen=True)
class Kind:
    """
    `hurts`: failed requests within so many seconds after it are the meddler's own.

    `stranger`: what it brought into the traffic answers too, and is no version of the stack.
    """

    words: str
    do: Callable[[Scene], None]
    strategies: tuple[str, ...] = EVERY
    moments: tuple[str, ...] = ANY_TIME
    hurts: float = 0
    stranger: bool = False
    # It needs images that no other stack has.
    own_images: bool = False


KINDS: list[Kind] = []


def kind(
    words: str,
    strategies: tuple[str, ...] = EVERY,
    moments: tuple[str, ...] = ANY_TIME,
    *,
    hurts: float = 0,
    stranger: bool = False,
    own_images: bool = False,
) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """Puts the function into the list of kinds."""

    def register(do: Callable[[Scene], None]) -> Callable[[Scene], None]:
        KINDS.append(Kind(words, do, strategies, moments, hurts, stranger, own_images))
        return do

    return register
