"""Whatever is raised in an activity ends its attempt, as a failure that names both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

P = ParamSpec("P")
R = TypeVar("R")
STOPS = (StopIteration, StopAsyncIteration)


class AttemptInterceptor(Interceptor):
    """
    StopIteration, SystemExit and the like become an ApplicationError of that type.

    A StopIteration that leaves a thread would never arrive: asyncio's futures refuse it. So it is
    caught where the activity runs, and not where its end is awaited.
    """

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 (the SDK's own name)
    ) -> ActivityInboundInterceptor:
        return _Attempt(next)


class _Attempt(ActivityInboundInterceptor):
    async def execute_activity(
        self,
        input: ExecuteActivityInput,  # noqa: A002 (the SDK's own name)
    ) -> Any:
        wrap = _awaited if inspect.iscoroutinefunction(input.fn) else _threaded
        return await super().execute_activity(replace(input, fn=wrap(input.fn)))


async def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """For an activity on the event loop: `work` in a thread, whatever it raises."""
    return await asyncio.to_thread(_threaded(work), *args, **kwargs)


def _threaded(work: Callable[P, R]) -> Callable[P, R]:
    @wraps(work)
    def attempt(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return work(*args, **kwargs)
        except STOPS as error:
            raise _failure(error) from None
        except (Exception, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001 (the attempt must end, and not the worker)
            raise _failure(error) from None

    return attempt


def _awaited(work: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """A GeneratorExit is how Python closes a coroutine that it does not run any more."""

    @wraps(work)
    async def attempt(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await work(*args, **kwargs)
        except StopAsyncIteration as error:
            raise _failure(error) from None
        except RuntimeError as error:
            # Python's own translation, which does not say what was stopped.
            if isinstance(error.__cause__, STOPS):
                raise _failure(error.__cause__) from None
            raise
        except (Exception, asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 (the attempt must end, and not the worker)
            raise _failure(error) from None

    return attempt


def _failure(error: BaseException) -> ApplicationError:
    kind, words = type(error).__name__, str(error)
    said = f"{kind}: {words}" if words else kind
    failure = ApplicationError(f"{activity.info().activity_type} raised {said}", type=kind)
    return failure.with_traceback(error.__traceback__)
