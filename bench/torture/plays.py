"""
The plays: what is done at each point of a crash matrix.

A release with its bake, two aborts, a rollback, a bake for two regions, and a bake with Packer. The
strategies weighted and classic have plays of their own.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.client import WorkflowHandle

from bench.torture.audit import Auditor, AuditReport
from bench.torture.lane import ABROAD, Lane

LOOK = 0.05
ASKED_OF_IMAGE = f"""verify = true
copies = [{{ region = "{ABROAD}" }}]
share_with = ["210987654321"]
deprecate_after_days = 30
"""


async def release(lane: Lane) -> AuditReport:
    """Of a tag that was never baked, so that the calls of the bake count too."""
    auditor, tag, started = Auditor(lane), lane.new_tag(), time.monotonic()
    lane.marked_at = time.time()
    ended = await lane.ending(await lane.release(tag))
    return auditor.report(ended, "Completed", serves=tag, seconds=time.monotonic() - started)


async def release_after_its_bake(lane: Lane) -> AuditReport:
    """The points are the calls after the bake: a bake is the same with every strategy."""
    auditor, tag, started = Auditor(lane), lane.new_tag(), time.monotonic()
    handle = await lane.release(tag)
    while (await lane.status(handle)).get("phase") in (None, "baking"):
        await asyncio.sleep(LOOK)
    lane.marked_at = time.time()
    ended = await lane.ending(handle)
    return auditor.report(ended, "Completed", serves=tag, seconds=time.monotonic() - started)


async def abort_between(lane: Lane) -> AuditReport:
    """When green gets half of the traffic."""
    return await _aborted(lane, green_has_half)


async def bake_with_packer(lane: Lane) -> AuditReport:
    """An image without a release: other plays have the calls of a release."""
    lane.use_builder("packer")
    try:
        auditor, tag, started = Auditor(lane), lane.new_tag(), time.monotonic()
        lane.marked_at = time.time()
        ended = await lane.ending(await lane.bake(tag))
        return auditor.report(
            ended, "Completed", serves=None, seconds=time.monotonic() - started, images=1
        )
    finally:
        lane.use_builder("native")


async def bake_for_two_regions(lane: Lane) -> AuditReport:
    """With all that can be asked of an image: verified, shared, copied, deprecated."""
    lane.use_builder("native", ASKED_OF_IMAGE)
    try:
        auditor, tag, started = Auditor(lane), lane.new_tag(), time.monotonic()
        before = lane.abroad.snapshot(only=lane.name)
        lane.marked_at = time.time()
        ended = await lane.ending(await lane.bake(tag))
        audit = auditor.report(
            ended,
            "Completed",
            serves=None,
            seconds=time.monotonic() - started,
            images=1,
            builders=2,
        )
        after = lane.abroad.snapshot(only=lane.name)
        copies = after.images.keys() - before.images.keys()
        if len(copies) != 1:
            audit.broken.append(f"{len(copies)} copies were made, not one")
        if len(after.snapshots) > len(after.images):
            audit.left.append(f"{len(after.snapshots)} snapshots of {len(after.images)} copies")
        return audit
    finally:
        lane.use_builder("native")


def green_serves_alone(status: dict[str, Any]) -> bool:
    """Blue has left the balancer."""
    return (
        status.get("phase") == "watching" and (status.get("blue") or {}).get("in_balancer") is False
    )


def green_has_half(status: dict[str, Any]) -> bool:
    return (status.get("weights") or {}).get("green") == 50


async def abort(lane: Lane) -> AuditReport:
    """When green serves alone: this is the longest way back."""
    return await _aborted(lane, green_serves_alone)


async def abort_bake(lane: Lane) -> AuditReport:
    """While the builder boots. The bake must clear up what it made."""
    return await _aborted(lane, lambda status: bool(status.get("bake")), bake_has="instance")


async def _aborted(
    lane: Lane,
    when: Callable[[dict[str, Any]], bool],
    start: Callable[[], Awaitable[WorkflowHandle[Any, Any]]] | None = None,
    bake_has: str = "",
) -> AuditReport:
    """Of a release of a new tag, unless `start` starts something else."""
    auditor = Auditor(lane)
    lane.set_soak(120)
    try:
        handle = await (start() if start else lane.release(lane.new_tag()))
        status: dict[str, Any] = {}
        while not when(status):
            await asyncio.sleep(LOOK)
            status = await lane.status(handle)
        bake = lane.client.get_workflow_handle(
            (status.get("bake") or {}).get("workflow_id", "none")
        )
        while bake_has and bake_has not in str((await lane.status(bake)).get("ledger")):
            await asyncio.sleep(LOOK)
        lane.marked_at, started = time.time(), time.monotonic()
        await lane.signal(handle, "abort_and_roll_back")
        ended = await lane.ending(handle)
        seconds = time.monotonic() - started
        if bake_has:
            await lane.ending(bake)
        return auditor.report(ended, "RolledBack", serves=None, seconds=seconds)
    finally:
        lane.set_soak(lane.soak)


async def rollback(lane: Lane) -> AuditReport:
    """To the deployment that served before. The next rollback goes back again."""
    auditor, started = Auditor(lane), time.monotonic()
    lane.marked_at = time.time()
    parked = [
        g for g in auditor.before.groups.values() if g["tags"].get("ovenbird:state") == "parked"
    ]
    previous = max(parked, key=lambda group: group["tags"]["ovenbird:served-at"])["tags"][
        "ovenbird:tag"
    ]
    ended = await lane.ending(await lane.rollback())
    return auditor.report(ended, "Completed", serves=previous, seconds=time.monotonic() - started)


async def abort_of_rollback(lane: Lane) -> AuditReport:
    """When the woken deployment serves alone. It must be parked again."""
    return await _aborted(lane, green_serves_alone, lane.rollback)


WITH_PACKER, TWO_REGIONS = "bake with Packer", "bake for two regions"
PLAYS: dict[str, Callable[[Lane], Awaitable[AuditReport]]] = {
    "release with its bake": release,
    "abort of a bake": abort_bake,
    "abort while watched": abort,
    "rollback": rollback,
    TWO_REGIONS: bake_for_two_regions,
}
# The plays of lanes with another strategy than attach.
_OTHERS: dict[str, dict[str, Callable[[Lane], Awaitable[AuditReport]]]] = {
    "weighted": {
        "release by weights": release_after_its_bake,
        "abort between two weights": abort_between,
        "rollback by weights": rollback,
    },
    "classic": {
        "release, classic": release_after_its_bake,
        "abort, classic": abort,
        "rollback, classic": rollback,
        "abort of a rollback, classic": abort_of_rollback,
    },
}
STRATEGIES = {play: strategy for strategy, plays in _OTHERS.items() for play in plays}
for plays in _OTHERS.values():
    PLAYS |= plays
if shutil.which("packer"):
    PLAYS[WITH_PACKER] = bake_with_packer
