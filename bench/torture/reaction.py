"""How long from "abort" to "blue serves exactly as before", at any moment of a release."""

from __future__ import annotations

import asyncio
import random
import time

from bench.torture.audit import Auditor, Verdict
from bench.torture.lane import Lane

LONGEST = 3.5


async def run(lane: Lane, runs: int) -> list[Verdict]:
    """With the image baked, so that the moments lie between the first call and the drain; one that came too late is not counted."""
    found: list[Verdict] = []
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
            # A release that was aborted before it was admitted is refused: nothing was done.
            wanted = ended if ended == "Refused" else "RolledBack"
            found.append(auditor.verdict(ended, wanted, serves=None, seconds=seconds))
    lane.set_soak(0.3)
    return found


async def _baked(lane: Lane) -> str:
    tag = lane.new_tag()
    handle = await lane.release(tag)
    while (await lane.status(handle)).get("phase") in (None, "baking"):
        await asyncio.sleep(0.05)
    await lane.signal(handle, "abort_and_roll_back")
    await lane.ending(handle)
    return tag
