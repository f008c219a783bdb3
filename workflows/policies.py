"""Every timeout and retry policy of activities. How long an operator's waits take is `Timeouts`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

with workflow.unsafe.imports_passed_through():
    from domain.errors import TERMINAL_ERRORS

# The worker sends a heartbeat every 0.7 s: three seconds without one mean that it was killed.
ALIVE = timedelta(seconds=3)
# One attempt makes a few calls, each bounded by its read timeout of 10 s.
ATTEMPT = timedelta(minutes=2)
A_DAY = timedelta(days=1)
# A worker may be killed at the first one: a limit of a moment is one more try.
FEWEST_TRIES = 2
# A call to AWS ends when AWS answers, not when we stop listening.
UNTIL_DONE = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

# Seconds between the tries of a call, at first and at most.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
SHORTEST_INTERVAL, POLL_GROWTH = 0.3, 1.5
# At most, until a foreign program is started again.
RESTARTS = 300.0
# How Temporal's server names an attempt that ran for its whole start_to_close_timeout:
# https://pkg.go.dev/go.temporal.io/server/common/retrypolicy#TimeoutFailureTypePrefix
HUNG = "TemporalTimeout:StartToClose"


def retrying(
    time_limit: float,
    *,
    terminal: Sequence[str] = (),
    first: float = FIRST_PAUSE,
    longest: float = LONGEST_PAUSE,
    growth: float = 2.0,
) -> ActivityConfig:
    """
    Try for `time_limit` seconds; `first` and `longest` are the seconds between two tries.

    The limit is a number of tries, with their pauses as long as the limit together. A limit from
    the scheduling on would run while no worker is up, and end what a worker would have finished.
    """
    return ActivityConfig(
        start_to_close_timeout=ATTEMPT,
        heartbeat_timeout=ALIVE,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=first),
            backoff_coefficient=growth,
            maximum_interval=timedelta(seconds=longest),
            maximum_attempts=tries(time_limit, first, longest, growth),
            non_retryable_error_types=list(terminal),
        ),
        cancellation_type=UNTIL_DONE,
    )


def tries(time_limit: float, first: float, longest: float, growth: float) -> int:
    """How many tries have pauses of at least `time_limit` seconds in all, and one more."""
    number, pause, passed = FEWEST_TRIES, first, 0.0
    while pause < longest and passed < time_limit:
        number, passed, pause = number + 1, passed + pause, min(longest, pause * growth)
    return number + max(0, math.ceil((time_limit - passed) / longest))


# One question or change: an hour, in which any throttling ends.
QUICK = retrying(3600, terminal=TERMINAL_ERRORS)

# A question that a rollback asks and does not depend on: while it waits, users have what is bad.
BRIEF = retrying(30, terminal=TERMINAL_ERRORS)


def certain(time_limit: float) -> ActivityConfig:
    """On the way back and after the point of no return: `time_limit` seconds, whatever fails."""
    return retrying(time_limit)


def poll(interval: float, time_limit: float) -> ActivityConfig:
    """
    Look at one distant thing every `interval` seconds for `time_limit` seconds, by retries.

    Any number of looks adds one event to the history.
    """
    return _polling(interval, time_limit, TERMINAL_ERRORS)


def poll_certainly(interval: float, time_limit: float) -> ActivityConfig:
    """The same on the way back: no terminal error ends it."""
    return _polling(interval, time_limit, ())


def foreign_process(interval: float, time_limit: float) -> ActivityConfig:
    """
    A program that may run for `time_limit` seconds.

    It is started again where it died with its worker, and not where it hung for all of that time.
    """
    pace = retrying(
        time_limit,
        terminal=[*TERMINAL_ERRORS, HUNG],
        first=min(interval, SHORTEST_INTERVAL),
        longest=RESTARTS,
        growth=POLL_GROWTH,
    )
    return pace | ActivityConfig(start_to_close_timeout=timedelta(seconds=time_limit))


def longer(interval: float, longest: float) -> float:
    """The seconds until the look after the next one, where each look is in the history."""
    return min(longest, max(interval, SHORTEST_INTERVAL) * POLL_GROWTH)


def _polling(interval: float, time_limit: float, terminal: Sequence[str]) -> ActivityConfig:
    return retrying(
        time_limit,
        terminal=terminal,
        first=min(interval, SHORTEST_INTERVAL),
        longest=max(interval, SHORTEST_INTERVAL),
        growth=POLL_GROWTH,
    )
