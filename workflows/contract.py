"""The public contract with Temporal: task queue, workflow ids, search attributes, converter."""

from __future__ import annotations

import dataclasses
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter, pydantic_data_converter
from temporalio.converter import (
    CompositePayloadConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
)

from domain import names

TASK_QUEUE = "ovenbird"
STACK = SearchAttributeKey.for_keyword("OvenbirdStack")
TAG = SearchAttributeKey.for_keyword("OvenbirdTag")
PHASE = SearchAttributeKey.for_keyword("OvenbirdPhase")
SEARCH_ATTRIBUTES = (STACK, TAG, PHASE)


def release_id(stack: str) -> str:
    """The lock of a stack: Temporal runs one workflow of an id at a time."""
    return names.lock(stack)


class _LenientJson(PydanticJSONPlainPayloadConverter):
    """
    A handler that takes anything gets what is no JSON as text.

    Otherwise Temporal would drop such a signal, and would retry the first workflow task of a run
    that was started so for ever.
    """

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        try:
            return super().from_payload(payload, type_hint)
        except ValueError:
            if type_hint is None:
                return payload.data.decode(errors="replace")
            raise


class _PayloadConverter(CompositePayloadConverter):
    def __init__(self) -> None:
        super().__init__(
            *(
                _LenientJson() if isinstance(converter, JSONPlainPayloadConverter) else converter
                for converter in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


DATA_CONVERTER = dataclasses.replace(
    pydantic_data_converter, payload_converter_class=_PayloadConverter
)
