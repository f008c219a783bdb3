"""The public contract with Temporal: task queue, workflow ids, search attributes, converter."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadConverter

from domain import names
from domain.bounded import LONGEST_NAME, LONGEST_OUTCOME, shortened
from domain.requests import Undecodable

TASK_QUEUE = "ovenbird"
STACK = SearchAttributeKey.for_keyword("OvenbirdStack")
TAG = SearchAttributeKey.for_keyword("OvenbirdTag")
PHASE = SearchAttributeKey.for_keyword("OvenbirdPhase")
SEARCH_ATTRIBUTES = (STACK, TAG, PHASE)
PLAIN_JSON = b"json/plain"
READ_BY_WORKERS = (PLAIN_JSON, b"binary/null", b"binary/plain")
MOST_BYTES, MOST_PARTS = 65_536, 1_000
# Of a failure, each with its message and stack trace.
MOST_CAUSES = 5


def release_id(stack: str) -> str:
    """The lock of a stack: Temporal runs one workflow of an id at a time."""
    return names.lock(stack)


class _PayloadConverter(PydanticPayloadConverter):
    """
    A handler that takes anything gets what cannot be read as `Undecodable`, or as text.

    Otherwise Temporal would drop such a signal, and would retry the first workflow task of a run
    that was started so for ever.
    """

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        hints: Iterable[type | None] = type_hints or repeat(None)
        return [
            super(_PayloadConverter, self).from_payloads([payload], [hint])[0]
            if hint
            else self._anything(payload)
            for payload, hint in zip(payloads, hints, strict=False)
        ]

    def _anything(self, payload: Payload) -> Any:
        encoding = payload.metadata.get("encoding", b"")
        if self._is_read(payload):
            try:
                return super().from_payloads([payload])[0]
            except Exception:  # noqa: BLE001 (a converter may raise anything, and this must not)
                if encoding == PLAIN_JSON:
                    return payload.data.decode(errors="replace")
        name = encoding.decode(errors="replace") or "none"
        return Undecodable(encoding=name[:LONGEST_NAME], data=payload.data, size=payload.ByteSize())

    def _is_read(self, payload: Payload) -> bool:  # noqa: ARG002 (a worker's asks)
        return True


class _PayloadConverterOfWorkers(_PayloadConverter):
    """
    A workflow has two seconds for all messages that come in one task. So it reads none that is
    larger, or has more parts, than any message or request of ours.
    """

    def _is_read(self, payload: Payload) -> bool:
        known = payload.metadata.get("encoding") in READ_BY_WORKERS
        if not known or payload.ByteSize() > MOST_BYTES:
            return False
        return sum(payload.data.count(mark) for mark in (b"[", b"{", b",")) <= MOST_PARTS


class _FailureConverter(DefaultFailureConverter):
    """What a failure says is bounded, in each cause of it: a run that ends has to carry it."""

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        super().to_failure(exception, payload_converter, failure)
        _bound(failure)

    def from_failure(self, failure: Failure, payload_converter: PayloadConverter) -> BaseException:
        bounded = Failure()
        bounded.CopyFrom(failure)
        _bound(bounded)
        return super().from_failure(bounded, payload_converter)


def _bound(failure: Failure) -> None:
    for _ in range(MOST_CAUSES):
        failure.message = shortened(failure.message, LONGEST_OUTCOME)
        failure.stack_trace = shortened(failure.stack_trace, LONGEST_OUTCOME)
        if not failure.HasField("cause"):
            return
        failure = failure.cause
    failure.Clear()


class _DataConverter(DataConverter):
    """
    Without external storage, the SDK fails a workflow task over any payload that claims to be
    stored there, again and again. Such a payload is read like any other, which is `Undecodable`.
    """

    async def _decode_reference_payload_sequence(
        self, payloads: Sequence[Payload]
    ) -> list[Payload]:
        return list(payloads)

    async def _external_retrieve_payload_sequence(
        self, payloads: Sequence[Payload]
    ) -> list[Payload]:
        return list(payloads)


DATA_CONVERTER = _DataConverter(
    payload_converter_class=_PayloadConverter, failure_converter_class=_FailureConverter
)
# For the client with which a worker is made.
WORKER_CONVERTER = dataclasses.replace(
    DATA_CONVERTER, payload_converter_class=_PayloadConverterOfWorkers
)
