"""What an activity returned, read by ourselves, so that no reply can wedge the run."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any, get_type_hints

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.bounded import shown


def read_reply(activity: Callable[..., Any], reply: RawValue | None) -> Any:
    """
    The reply as the activity's own type says.

    Raises ApplicationError where it is none. A person may complete an activity with any result, and
    where the SDK reads it for us, Temporal repeats the workflow task for ever.
    """
    expected = get_type_hints(activity)["return"]
    if expected is NoneType:
        return None
    try:
        payload = reply.payload if reply else workflow.payload_converter().to_payload(None)
        return workflow.payload_converter().from_payload(payload, expected)
    except Exception as error:  # noqa: BLE001 (a converter may raise anything)
        raise ApplicationError(
            f"{activity.__name__} was answered with what cannot be read: {shown(error)}",
            non_retryable=True,
        ) from None
