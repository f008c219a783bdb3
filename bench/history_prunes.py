"""What `make histories` records of prunes, and of a workflow type that does not exist."""

from __future__ import annotations

from bench.history_steps import ABORT, Handle, Save, Status, save_ended, until
from bench.torture.lane import Lane


async def prunes(lane: Lane, save: Save) -> None:
    """Of all but two deployments: one prune is aborted at its first removal, and one is paused."""
    lane.kept = 2
    lane.set_soak(lane.soak)
    stack = {"stack": lane.name}
    plan = await lane.start("PrunePlanWorkflow", stack, "prune-plan")
    await save_ended(lane, save, "prune-plan", plan)
    prune = await _at_its_first_removal(lane, stack)
    await lane.signal(prune, ABORT)
    await save_ended(lane, save, "prune-aborted", prune, "Dirty")
    prune = await _at_its_first_removal(lane, stack)
    await lane.signal(prune, "pause")
    await until(lane, prune, lambda status: bool(status.get("paused")))
    await until(lane, prune, _has_removed)
    await lane.signal(prune, "resume")
    await save_ended(lane, save, "prune", prune)


async def unknown_type(lane: Lane, save: Save) -> None:
    handle = await lane.start("DeployWorkflow", {"stack": lane.name})
    await save_ended(lane, save, "unknown-type", handle, "Refused")


async def _at_its_first_removal(lane: Lane, stack: dict[str, str]) -> Handle:
    lane.account.fault("latency", "DeleteLaunchTemplate", seconds=3)
    prune = await lane.start("PruneWorkflow", stack)
    await until(lane, prune, _removes)
    return prune


def _removes(status: Status) -> bool:
    """The second sentence of a prune."""
    bullets = status.get("bullets") or []
    return status.get("workflow") == "prune" and bullets[1]["mark"] == "doing"


def _has_removed(status: Status) -> bool:
    return any(entry["gone"] for entry in status.get("ledger", ()))
