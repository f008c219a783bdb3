"""What goes of a stack and what stays: show it, or prune it."""

from __future__ import annotations

from typing import Any

from console.releases import PRUNE, start_and_follow
from console.tables import table
from console.temporal import ask, connect


async def dry_run(stack: str) -> dict[str, Any]:
    """It takes no lock, so it also answers while a release runs."""
    planned: dict[str, Any] = await ask(await connect(), "PrunePlanWorkflow", {"stack": stack})
    return planned


async def prune(request: dict[str, Any], *, detach: bool, as_json: bool) -> dict[str, Any]:
    summary = f"prune {request['stack']}"
    return await start_and_follow(
        PRUNE, request, summary, detach=detach, wait=True, as_json=as_json
    )


def show(pruned: dict[str, Any]) -> None:
    """One row for each deployment and image."""
    rows = (
        (row["verdict"], row["kind"], row["name"], row["tag"], row["region"], row["why"])
        for row in pruned["verdicts"]
    )
    table(["", "what", "name", "tag", "region", "why"], rows)
    if pruned["under_way"]:
        print("A run holds the lock of this stack: what goes may change until it has ended.")
    if pruned["dry_run"]:
        print(f"This was a dry run; `ovenbird prune {pruned['stack']}` removes what goes.")
