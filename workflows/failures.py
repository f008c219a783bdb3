"""How a workflow ends badly: which exceptions are failures, and whose words they carry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    RetryState,
    TimeoutType,
)
from temporalio.exceptions import TimeoutError as ActivityTimeout

with workflow.unsafe.imports_passed_through():
    from domain.bounded import LONGEST_ERROR, shortened
    from domain.errors import OvenbirdError

R = TypeVar("R")
# These end a run the bad way. Anything else is a bug in workflow code: Temporal retries the
# workflow task until fixed code is deployed.
FAILURES = (FailureError, OvenbirdError, asyncio.CancelledError)

OVER = (RetryState.TIMEOUT, RetryState.MAXIMUM_ATTEMPTS_REACHED)


def ends_a_run(error: BaseException, aborted: object) -> bool:
    """
    Does the error end the run, or does it wait for fixed code?

    Once an operator has `aborted`, a bug ends it too: the way back must not wait for the way
    forward to be mended.
    """
    return isinstance(error, FAILURES) or bool(aborted)


async def shielded(work: Coroutine[Any, Any, R], note: Callable[[str], None] | None = None) -> R:
    """Run `work` to its end. A cancel that comes meanwhile is noted and has no other effect."""
    task = asyncio.create_task(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                # Where Temporal takes the run out of the worker's memory, it cancels `task` too.
                return task.result()
            if note:
                note("a cancel came when there was no way back, and had no effect")


@asynccontextmanager
async def handlers_finished() -> AsyncIterator[None]:
    """On every path the senders of updates get their answers before the workflow closes."""
    try:
        yield
    except FAILURES:
        await workflow.wait_condition(workflow.all_handlers_finished)
        raise
    await workflow.wait_condition(workflow.all_handlers_finished)


def describe(error: BaseException) -> str:
    """
    The words of the first cause, shortened: a run has to carry them. An ActivityError itself only
    says that an activity failed.
    """
    return shortened(_words(error), LONGEST_ERROR)


def _words(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return f"cancelled: {workflow.cancellation_reason() or 'no reason was given'}"
    if isinstance(error, ActivityError) and isinstance(error.cause, ActivityTimeout):
        return _timed_out(error, error.cause)
    if isinstance(error, ActivityError) and error.retry_state in OVER and error.cause:
        return f"{_words(error.cause)}, and it was still so when the time for it was over"
    if isinstance(error, FailureError) and error.cause is not None:
        return _words(error.cause)
    if isinstance(error, ApplicationError):
        return error.message
    if isinstance(error, OvenbirdError | FailureError):
        return str(error)
    return f"workflow code failed when it was aborted: {type(error).__name__}: {error}"


def _timed_out(error: ActivityError, timeout: ActivityTimeout) -> str:
    last = getattr(timeout, "last_attempt_exception", timeout.__cause__)
    words = _words(last) if isinstance(last, BaseException) else ""
    overall = timeout.type is TimeoutType.SCHEDULE_TO_CLOSE
    ended = "ran out of time" if overall else "was lost"
    return f"{error.activity_type} {ended}" + (f"; the last try: {words}" if words else "")


def caused_by(error: BaseException, *kinds: type[OvenbirdError]) -> bool:
    """Is one of `kinds` in the chain of causes, raised here or by an activity?"""
    names = {kind.__name__ for kind in kinds}
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, kinds):
            return True
        if isinstance(cause, ApplicationError) and cause.type in names:
            return True
        cause = cause.cause if isinstance(cause, FailureError) else None
    return False
