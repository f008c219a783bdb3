"""
Searches for inputs that break something, and how long they look.

In a test run they look at a few. `make fuzz` sets FUZZ to the seconds of the whole search, and
prints one line: inputs, wedges, crashes.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("FUZZ", "0"))
COUNTED: Counter[str] = Counter()
WEDGES, CRASHES = "wedges", "crashes"
MANY, VARIANTS = 100, 10


def look(
    check: Callable[[Any], None],
    values: st.SearchStrategy[Any],
    *,
    few: int,
    share: float,
    quick: bool = False,
) -> None:
    """
    Call `check` with `few` values, always the same ones. With FUZZ set, with as many as its `share`
    of the time allows; a `quick` check is called more often between two looks at the clock.

    Raises what `check` raises: a `quick` one with the smallest value that Hypothesis finds.
    """
    bounded = settings(
        max_examples=max(few, MANY) if SECONDS and quick else few,
        deadline=None,
        database=None,
        derandomize=not SECONDS,
        phases=[Phase.generate, Phase.shrink] if quick else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    end = time.monotonic() + SECONDS * share
    while True:
        bounded(given(values)(check))()
        if time.monotonic() >= end:
            return


def counted(what: str, check: Callable[[Any], None]) -> Callable[[Any], None]:
    """The check, which counts its inputs and what they broke. A text is also tried in variants."""

    def counting(value: Any) -> None:
        for variant in _variants(value) if isinstance(value, str) else [value]:
            COUNTED[what] += 1
            try:
                check(variant)
            except Exception:
                COUNTED[CRASHES] += 1
                raise

    return counting


def _variants(text: str) -> Iterator[str]:
    """The text, and with one place of it changed. The same ones for the same text."""
    yield text
    dice = random.Random(text)
    for _ in range(VARIANTS if SECONDS and text else 0):
        begin, end = sorted(dice.choices(range(len(text) + 1), k=2))
        part = dice.choice(["", chr(dice.randrange(0xD800)), text[begin:end] * 2, "\x00", "9"])
        yield text[:begin] + part + text[end:]


def summary() -> str:
    sent = {key: count for key, count in COUNTED.items() if key not in (WEDGES, CRASHES)}
    words = ", ".join(f"{count:,} {what}" for what, count in sorted(sent.items()))
    broken = f"{COUNTED[WEDGES]} wedges, {COUNTED[CRASHES]} crashes"
    return f"fuzz: {sum(sent.values()):,} inputs ({words}): {broken}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where this module is a plugin, as in `make fuzz`."""
    terminalreporter.write_line(summary())
