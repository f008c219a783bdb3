"""
What is played at each point: a release with its bake, two aborts, a rollback, a bake for two regions; with Packer a bake.

And what differs where the traffic goes by weights, or through a classic balancer.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.client import WorkflowHandle

from bench.torture.audit import Auditor, Verdict
from bench.torture.lane import ABROAD, Lane

LOOK = 0.05
WANTED = f'verify = true\ncopies = [{{ region = "{ABROAD}" }}]\nshare_with = ["210987654321"]\ndeprecate_after_days = 30\n'


async def release(lane: Lane) -> Verdict:
    """Of a tag that was never baked: the bake's calls are among its calls."""
    auditor, tag, started = Auditor(lane), lane.new_tag(), time.monotonic()
    lane.marked_at = time.time()
    ended = await lane.ending(await lane.release(tag))
    return auditor.verdict(ended, "Completed", serves=tag, seconds=time.monotonic() - started)


async def release_of_what_is_baked(lane: Lane) -> Verdict:
    """Only the calls from then on are points: those of a bake know no strategy."""
    auditor, tag, started = Auditor(lane), lane.new_tag(), time.monotonic()
    handle = await lane.release(tag)
    while (await lane.status(handle)).get("phase") in (None, "baking"):
        await asyncio.sleep(LOOK)
    lane.marked_at = time.time()
    ended = await lane.ending(handle)
    return auditor.verdict(ended, "Completed", serves=tag, seconds=time.monotonic() - started)


async def abort_between(lane: Lane) -> Verdict:
    """When green has half of the traffic."""
    return await _aborted(lane, lambda status: (status.get("weights") or {}).get("green") == 50)


async def bake_with_packer(lane: Lane) -> Verdict:
    """An image and no release: the release's own calls are in the other plays."""
    lane.use_builder("packer")
    try:
        auditor, tag, started = Auditor(lane), lane.new_tag(), time.monotonic()
        lane.marked_at = time.time()
        ended = await lane.ending(await lane.bake(tag))
        return auditor.verdict(
            ended, "Completed", serves=None, seconds=time.monotonic() - started, images=1
        )
    finally:
        lane.use_builder("native")


async def bake_for_two_regions(lane: Lane) -> Verdict:
    """With all that may be asked of an image: it is launched once, stamped, shared and copied."""
    lane.use_builder("native", WANTED)
    try:
        auditor, tag, started = Auditor(lane), lane.new_tag(), time.monotonic()
        before = lane.abroad.snapshot(only=lane.name)
        lane.marked_at = time.time()
        ended = await lane.ending(await lane.bake(tag))
        verdict = auditor.verdict(
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
            verdict.broken.append(f"{len(copies)} copies were made, not one")
        if len(after.snapshots) > len(after.images):
            verdict.left.append(f"{len(after.snapshots)} snapshots of {len(after.images)} copies")
        return verdict
    finally:
        lane.use_builder("native")


def _alone(status: dict[str, Any]) -> bool:
    """Blue has left the balancer."""
    return (
        status.get("phase") == "watching" and (status.get("blue") or {}).get("in_balancer") is False
    )


async def abort(lane: Lane) -> Verdict:
    """When green serves alone: the longest way back there is."""
    return await _aborted(lane, _alone)


async def abort_bake(lane: Lane) -> Verdict:
    """While the builder boots: what the bake has made is its own to clear."""
    return await _aborted(lane, lambda status: bool(status.get("bake")), bake_has="instance")


async def _aborted(
    lane: Lane,
    when: Callable[[dict[str, Any]], bool],
    start: Callable[[], Awaitable[WorkflowHandle[Any, Any]]] | None = None,
    bake_has: str = "",
) -> Verdict:
    """A release of a new tag, unless `start` starts something else."""
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
        return auditor.verdict(ended, "RolledBack", serves=None, seconds=seconds)
    finally:
        lane.set_soak(0.3)


async def rollback(lane: Lane) -> Verdict:
    """To the deployment that served before; the one after it goes back again."""
    auditor, started = Auditor(lane), time.monotonic()
    lane.marked_at = time.time()
    parked = [
        g for g in auditor.before.groups.values() if g["tags"].get("ovenbird:state") == "parked"
    ]
    previous = max(parked, key=lambda group: group["tags"]["ovenbird:served-at"])["tags"][
        "ovenbird:tag"
    ]
    ended = await lane.ending(await lane.rollback())
    return auditor.verdict(ended, "Completed", serves=previous, seconds=time.monotonic() - started)


async def abort_of_rollback(lane: Lane) -> Verdict:
    """When what was woken serves alone: it is parked again, and what served serves as before."""
    return await _aborted(lane, _alone, lane.rollback)


PACKED, TWO_REGIONS = "bake with Packer", "bake for two regions"
PLAYS: dict[str, Callable[[Lane], Awaitable[Verdict]]] = {
    "release with its bake": release,
    "abort of a bake": abort_bake,
    "abort while watched": abort,
    "rollback": rollback,
    TWO_REGIONS: bake_for_two_regions,
}
# Those whose lanes are wired in another way.
_OTHERS: dict[str, dict[str, Callable[[Lane], Awaitable[Verdict]]]] = {
    "weighted": {
        "release by weights": release_of_what_is_baked,
        "abort between two weights": abort_between,
        "rollback by weights": rollback,
    },
    "classic": {
        "release, classic": release_of_what_is_baked,
        "abort, classic": abort,
        "rollback, classic": rollback,
        "abort of a rollback, classic": abort_of_rollback,
    },
}
STRATEGIES = {play: strategy for strategy, plays in _OTHERS.items() for play in plays}
for plays in _OTHERS.values():
    PLAYS |= plays
if shutil.which("packer"):
    PLAYS[PACKED] = bake_with_packer
