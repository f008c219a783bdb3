"""Reads a request, whatever was sent in its place."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from temporalio import workflow

from workflows.contract import MOST_BYTES, MOST_PARTS

with workflow.unsafe.imports_passed_through():
    from domain.bounded import LONGEST_NAME, shown, text_of
    from domain.errors import InvalidRequest

T = TypeVar("T", bound=BaseModel)
# Fields that are looked at: every request has fewer.
MOST = 50


def parsed(kind: type[T], values: tuple[Any, ...]) -> T:
    """
    The request, whatever was sent. Raises InvalidRequest with the mistakes: a payload that is
    refused holds no lock.
    """
    if len(values) != 1 or not isinstance(values[0], dict):
        raise InvalidRequest(
            'the input must be one JSON object such as {"stack": "production", "tag": "v1.4.2"}, '
            f"of at most {MOST_BYTES} bytes and {MOST_PARTS} parts, not {shown(values)}"
        )
    if len(values[0]) > MOST:
        raise InvalidRequest(f"the input has {len(values[0])} fields, and knows at most {MOST}")
    try:
        return kind.model_validate(values[0])
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(text_of(part, LONGEST_NAME) for part in e['loc'])}: "
            f"{e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_url=False, include_context=False, include_input=False)
        )
        raise InvalidRequest(f"the input has mistakes: {mistakes}") from None
