"""How many seconds pass from "abort" to "blue serves exactly as before", at any moment."""

from __future__ import annotations

import asyncio
import random
import time

from bench.torture.audit import Auditor, AuditReport
from bench.torture.lane import Lane

# Seconds that such a release takes.
LONGEST = 3.5


async def run(lane: Lane, runs: int) -> list[AuditReport]:
    """
    Aborts at random moments between the first call and the drain. The image is baked before.

    A release that completed before its abort is not counted.
    """
    found: list[AuditReport] = []
    lane.set_soak(1)
    tag = await _baked(lane)
    while len(found) < runs:
        auditor = Auditor(lane)
        handle = await lane.release(tag)
        await asyncio.sleep(random.uniform(0, LONGEST))
        signalled = time.monotonic()
        await lane.signal(handle, "abort_and_roll_back")
        ended = await lane.ending(handle)
        seconds = time.monotonic() - signalled
        if ended == "Completed":
            tag = await _baked(lane)
        else:
            # A release that is aborted before its first check is refused: it changed nothing.
            wanted = ended if ended == "Refused" else "RolledBack"
            found.append(auditor.report(ended, wanted, serves=None, seconds=seconds))
    lane.set_soak(lane.soak)
    return found


async def _baked(lane: Lane) -> str:
    tag = lane.new_tag()
    handle = await lane.release(tag)
    while (await lane.status(handle)).get("phase") in (None, "baking"):
        await asyncio.sleep(0.05)
    await lane.signal(handle, "abort_and_roll_back")
    await lane.ending(handle)
    return tag
