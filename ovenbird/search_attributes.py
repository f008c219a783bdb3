"""The search attributes that Ovenbird's workflows write, registered in Temporal's namespace."""

from __future__ import annotations

import sys
from datetime import timedelta

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from workflows.contract import SEARCH_ATTRIBUTES

RPC_TIMEOUT = timedelta(seconds=10)
log = structlog.get_logger("ovenbird.worker")


async def ensure_search_attributes(client: Client) -> None:
    """
    Add what is missing; exit with the command that does so where this worker may not.

    A workflow that writes an attribute that is not registered would never proceed.
    """
    names = [key.name for key in SEARCH_ATTRIBUTES]
    try:
        await _add_missing(client, names)
    except RPCError as error:
        flags = " ".join(f"--name {name} --type Keyword" for name in names)
        sys.exit(
            f"the search attributes of Ovenbird cannot be checked ({error.message});"
            " register them, then start the worker again:\n"
            f"  temporal operator search-attribute create --namespace {client.namespace} {flags}"
        )


async def _add_missing(client: Client, names: list[str]) -> None:
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
    )
    missing = [name for name in names if name not in known.custom_attributes]
    if not missing:
        return
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace, search_attributes=dict.fromkeys(missing, keyword)
        ),
        timeout=RPC_TIMEOUT,
    )
    log.info("added search attributes", names=sorted(missing))
