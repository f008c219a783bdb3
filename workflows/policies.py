"""Every timeout and retry policy of activities; the only such place. How long an operator's waits take is `Timeouts`."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

with workflow.unsafe.imports_passed_through():
    from domain.errors import TERMINAL_ERRORS

# The worker beats every 0.7 s: three seconds of silence mean that it was killed.
ALIVE = timedelta(seconds=3)
# One attempt holds a handful of calls, each bounded by its read timeout of 10 s.
ATTEMPT = timedelta(minutes=2)
A_DAY = timedelta(days=1)
# What is done to AWS is done when AWS says so, not when we stop listening.
UNTIL_DONE = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

_FORWARD = RetryPolicy(
    initial_interval=timedelta(seconds=0.5),
    maximum_interval=timedelta(seconds=30),
    non_retryable_error_types=TERMINAL_ERRORS,
)
_BACK = RetryPolicy(initial_interval=timedelta(seconds=0.5), maximum_interval=timedelta(seconds=30))

# One question or change. Throttling outlasts any number of tries, so time is bounded and tries are not; the hour also runs
# while no worker is up.
QUICK = ActivityConfig(
    start_to_close_timeout=ATTEMPT,
    schedule_to_close_timeout=timedelta(hours=1),
    heartbeat_timeout=ALIVE,
    retry_policy=_FORWARD,
    cancellation_type=UNTIL_DONE,
)


def certain(timeout: float) -> ActivityConfig:
    """The way back, and the way on from the point of no return: for a day (`timeouts`, seconds), whatever AWS says."""
    return ActivityConfig(
        start_to_close_timeout=ATTEMPT,
        schedule_to_close_timeout=timedelta(seconds=max(timeout, 1)),
        heartbeat_timeout=ALIVE,
        retry_policy=_BACK,
        cancellation_type=UNTIL_DONE,
    )


def poll(every: float, timeout: float) -> ActivityConfig:
    """A retried look at one distant thing, `every` seconds for `timeouts` seconds: any number of looks is one event."""
    return ActivityConfig(
        start_to_close_timeout=ATTEMPT,
        schedule_to_close_timeout=timedelta(seconds=max(timeout, 1)),
        heartbeat_timeout=ALIVE,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=min(every, 0.3)),
            backoff_coefficient=1.5,
            maximum_interval=timedelta(seconds=max(every, 0.3)),
            non_retryable_error_types=TERMINAL_ERRORS,
        ),
        cancellation_type=UNTIL_DONE,
    )


def foreign_process(every: float, timeout: float) -> ActivityConfig:
    """A program that runs as long as it runs, `timeouts` seconds at most; begun anew where it died, `every` seconds later."""
    return poll(every, timeout) | ActivityConfig(start_to_close_timeout=timedelta(seconds=timeout))


def poll_certainly(every: float, timeout: float) -> ActivityConfig:
    """The same on the way back: no verdict ends it."""
    return ActivityConfig(
        start_to_close_timeout=ATTEMPT,
        schedule_to_close_timeout=timedelta(seconds=max(timeout, 1)),
        heartbeat_timeout=ALIVE,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=min(every, 0.3)),
            backoff_coefficient=1.5,
            maximum_interval=timedelta(seconds=max(every, 0.3)),
        ),
        cancellation_type=UNTIL_DONE,
    )
