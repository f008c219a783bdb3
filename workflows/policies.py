"""Every timeout and retry policy of activities. How long an operator's waits take is `Timeouts`."""

from __future__ import annotations

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
# A call to AWS ends when AWS answers, not when we stop listening.
UNTIL_DONE = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

_FORWARD = RetryPolicy(
    initial_interval=timedelta(seconds=0.5),
    maximum_interval=timedelta(seconds=30),
    non_retryable_error_types=TERMINAL_ERRORS,
)
_BACK = RetryPolicy(initial_interval=timedelta(seconds=0.5), maximum_interval=timedelta(seconds=30))

# One question or change. Throttling outlasts any number of tries, so the time is bounded and the
# tries are not. The hour also runs while no worker is up.
QUICK = ActivityConfig(
    start_to_close_timeout=ATTEMPT,
    schedule_to_close_timeout=timedelta(hours=1),
    heartbeat_timeout=ALIVE,
    retry_policy=_FORWARD,
    cancellation_type=UNTIL_DONE,
)


def certain(time_limit: float) -> ActivityConfig:
    """On the way back and after the point of no return: `time_limit` seconds, whatever fails."""
    return _bounded(_BACK, time_limit)


def poll(interval: float, time_limit: float) -> ActivityConfig:
    """
    Look at one distant thing every `interval` seconds for `time_limit` seconds, by retries.

    Any number of looks adds one event to the history.
    """
    return _bounded(_polling(interval, TERMINAL_ERRORS), time_limit)


def poll_certainly(interval: float, time_limit: float) -> ActivityConfig:
    """The same on the way back: no terminal error ends it."""
    return _bounded(_polling(interval, None), time_limit)


def foreign_process(interval: float, time_limit: float) -> ActivityConfig:
    """A program that may run for `time_limit` seconds; it is started again where it died."""
    longest = ActivityConfig(start_to_close_timeout=timedelta(seconds=time_limit))
    return poll(interval, time_limit) | longest


def _polling(interval: float, terminal: list[str] | None) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=timedelta(seconds=min(interval, 0.3)),
        backoff_coefficient=1.5,
        maximum_interval=timedelta(seconds=max(interval, 0.3)),
        non_retryable_error_types=terminal,
    )


def _bounded(retries: RetryPolicy, time_limit: float) -> ActivityConfig:
    return ActivityConfig(
        start_to_close_timeout=ATTEMPT,
        schedule_to_close_timeout=timedelta(seconds=max(time_limit, 1)),
        heartbeat_timeout=ALIVE,
        retry_policy=retries,
        cancellation_type=UNTIL_DONE,
    )
