"""Answers that AWS changes at most once in a while, asked once an hour."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")
# Seconds.
AN_HOUR = 3600.0


class Remembered:
    """For all threads of a worker. An error is not remembered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[Hashable, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def answer(
        self, key: Hashable, ask: Callable[[], T], good: Callable[[T], bool] = lambda _: True
    ) -> T:
        """`ask` is called where there is no `good` answer that is less than an hour old."""
        with self._lock:
            asked, known = self._answers.get(key, (-AN_HOUR, None))
        if self._clock() - asked < AN_HOUR and good(known):
            return cast("T", known)
        found = ask()
        with self._lock:
            self._answers[key] = (self._clock(), found)
        return found
