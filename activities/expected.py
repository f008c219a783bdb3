"""What is tried again is no error: Temporal writes no warning for a look that found "not yet"."""

from __future__ import annotations

from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.errors import NotReady, TransientError

# A storm of throttling fails a few tries in a row. What fails so often is worth a warning.
NOTEWORTHY = 5


class ExpectedInterceptor(Interceptor):
    """NotReady is benign, and so is a TransientError for its first tries."""

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 (the SDK's own name)
    ) -> ActivityInboundInterceptor:
        return _Sorting(next)


class _Sorting(ActivityInboundInterceptor):
    async def execute_activity(
        self,
        input: ExecuteActivityInput,  # noqa: A002 (the SDK's own name)
    ) -> Any:
        try:
            return await super().execute_activity(input)
        except (NotReady, TransientError) as error:
            rare = isinstance(error, TransientError) and activity.info().attempt >= NOTEWORTHY
            raise ApplicationError(
                str(error),
                type=type(error).__name__,
                category=ApplicationErrorCategory.UNSPECIFIED
                if rare
                else ApplicationErrorCategory.BENIGN,
            ) from None
