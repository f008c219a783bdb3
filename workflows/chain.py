"""A chain of runs: where a history becomes long, the next run goes on where this one stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from temporalio import workflow

from workflows.operator import Operator
from workflows.policies import ATTEMPT

with workflow.unsafe.imports_passed_through():
    from domain.continued import Found, Wait
    from domain.models import Image


class Stopwatch:
    """The seconds since it was started, without the time spent paused."""

    def __init__(self, operator: Operator, wait: Wait | None = None) -> None:
        self._operator = operator
        self._wait = wait or self._begun()

    def restart(self) -> None:
        self._wait = self._begun()

    def without_outage(self, expected: float) -> float:
        """
        The seconds by now. Where they are far more than `expected`, no worker was up meanwhile, and
        the difference does not count.
        """
        late = self.seconds - expected
        if late > ATTEMPT.total_seconds():
            self._wait = self._wait.model_copy(update={"started": self._wait.started + late})
        return self.seconds

    def _begun(self) -> Wait:
        return Wait(started=workflow.time(), paused=self._operator.seconds_paused)

    @property
    def wait(self) -> Wait:
        return self._wait

    @property
    def started(self) -> datetime:
        return datetime.fromtimestamp(self._wait.started, UTC)

    @property
    def seconds(self) -> float:
        paused = self._operator.seconds_paused - self._wait.paused
        return workflow.time() - self._wait.started - paused


class Chain:
    """The waits of this run, and the methods that ended in it or in an earlier run."""

    def __init__(self) -> None:
        self._stopwatches: dict[str, Stopwatch] = {}
        self._waits: dict[str, Wait] = {}
        self._done: dict[str, Found | Image | None] = {}
        self._ended_before: frozenset[str] = frozenset()
        self._continue_as_new: Callable[[], None] | None = None

    @property
    def waits(self) -> dict[str, Wait]:
        return self._waits | {name: each.wait for name, each in self._stopwatches.items()}

    @property
    def done(self) -> dict[str, Found | Image | None]:
        return self._done

    def restore(self, waits: dict[str, Wait], done: dict[str, Found | Image | None]) -> None:
        self._waits, self._done, self._ended_before = waits, done, frozenset(done)

    @property
    def age(self) -> timedelta:
        """Of this run; a chain with earlier runs is long."""
        info = workflow.info()
        return timedelta.max if info.continued_run_id else workflow.now() - info.start_time

    def continues_with(self, continue_as_new: Callable[[], None]) -> None:
        """From now on a long history is continued by that call, before a wait."""
        self._continue_as_new = continue_as_new

    def continues_no_more(self) -> None:
        """After the point of no return: the rest takes a few minutes."""
        self._continue_as_new = None

    def checkpoint(self) -> None:
        """Before a wait. Raises ContinueAsNewError where Temporal suggests it."""
        if self._continue_as_new and self.is_long():
            self._continue_as_new()

    def is_long(self) -> bool:
        """Would a checkpoint continue this run as new?"""
        suggested = workflow.info().is_continue_as_new_suggested()
        return self._continue_as_new is not None and suggested

    @contextmanager
    def timed(self, name: str, operator: Operator) -> Iterator[Stopwatch]:
        """Around a wait. Where a run continues as new, its next run goes on with the same watch."""
        stopwatch = Stopwatch(operator, self._waits.pop(name, None))
        self._stopwatches[name] = stopwatch
        try:
            yield stopwatch
        finally:
            del self._stopwatches[name]

    def ended_before(self, method: str) -> tuple[bool, object]:
        """Did a sentence's method end in an earlier run of the chain, and what did it return?"""
        return method in self._ended_before, self._done.get(method)

    def has_ended(self, method: str, result: object) -> None:
        if self._continue_as_new and not isinstance(result, Found | Image | None):
            raise TypeError(f"{method} returned a {type(result).__name__}, which no run carries")
        self._done[method] = result if isinstance(result, Found | Image) else None
