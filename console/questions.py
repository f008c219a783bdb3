"""Questions that a worker answers, and one that the stacks file answers. Nothing is changed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from console.codes import REFUSED_CODE, Stop
from console.temporal import ask, connect
from domain.errors import InvalidConfiguration
from ovenbird.settings import task_queue
from workflows.contract import TAG, release_id


async def plan(request: dict[str, Any]) -> dict[str, Any]:
    planned: dict[str, Any] = await ask(await connect(), "PlanWorkflow", request)
    return planned


async def doctor(stack: str) -> list[dict[str, Any]]:
    """The first two checks have passed if there is an answer at all; a worker makes the rest."""
    client = await connect()
    found: list[dict[str, Any]] = await ask(client, "DoctorWorkflow", {"stack": stack})
    server = f"{client.service_client.config.target_host}, namespace {client.namespace}"
    return [
        {"what": "Temporal", "found": server, "problem": ""},
        {"what": "worker", "found": f"polls {task_queue()}", "problem": ""},
        *found,
    ]


async def diff(stack: str, was: str, now: str) -> dict[str, Any]:
    request = {"stack": stack, "was": was, "now": now}
    found: dict[str, Any] = await ask(await connect(), "DiffWorkflow", request)
    return found


async def history(stack: str) -> list[dict[str, Any]]:
    request = {"stack": stack}
    deployments: list[dict[str, Any]] = await ask(await connect(), "HistoryWorkflow", request)
    return deployments


async def board(stack: str) -> list[dict[str, Any]]:
    """What a rollback can go back to, and how many seconds the last rollback to each took."""
    client = await connect()
    found: list[dict[str, Any]] = await ask(client, "CandidatesWorkflow", {"stack": stack})
    seconds: dict[str | None, float] = {}
    query = (
        f"WorkflowId = '{release_id(stack)}' AND WorkflowType = 'RollbackWorkflow'"
        " AND ExecutionStatus = 'Completed'"
    )
    async for run in client.list_workflows(query):
        if run.close_time:
            tag = run.typed_search_attributes.get(TAG)
            seconds.setdefault(tag, (run.close_time - run.start_time).total_seconds())
    return [candidate | {"seconds_last_time": seconds.get(candidate["tag"])} for candidate in found]


def on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def choose_target() -> str | None:
    """None is the previous deployment."""
    chosen: str = typer.prompt(
        "Roll back to (tag or deployment; nothing: the previous one)",
        default="",
        show_default=False,
    )
    return chosen or None


def stacks(path: Path) -> list[dict[str, Any]]:
    """Stops with every mistake in the file."""
    # Only this command waits until the models of the stacks file are imported.
    from domain.stacks_file import parse

    try:
        found = parse(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(
            REFUSED_CODE,
            f"cannot read {path}: {error}; set OVENBIRD_STACKS to where the stacks file is",
        ) from None
    except InvalidConfiguration as error:
        raise Stop(REFUSED_CODE, str(error)) from None
    return [stack.model_dump(mode="json") for stack in found.values()]
