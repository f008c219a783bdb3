"""The public names of DESIGN's contract with Temporal: task queue, workflow ids, search attributes, data converter."""

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
    What a person sends to a handler that takes anything is never lost: where it is no JSON, it comes as text.

    Temporal would drop such a signal and retry such a workflow's first task for ever.
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
