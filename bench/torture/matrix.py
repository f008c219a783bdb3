"""The crash matrices: each fault strikes once at each call of each play."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console

from bench.torture.audit import AuditReport
from bench.torture.lane import Lane
from bench.torture.plays import LOOK, PLAYS, WITH_PACKER
from demo.visitors import Tally

KILLS = {"killed before": "hang", "killed after": "late_reply"}
# The worker is killed after a line of Packer's output, in place of a call.
LINE = "killed at its line"
REPLIES = {
    "reply lost": "lost_reply",
    "throttled": "throttle",
    "500": "error",
    "reset": "reset",
    "hangs 30 s": "hang",
}
READS = ("Describe", "Get", "List", "HEAD ", "GET ")
# A run may not need a call (a look less), so the point is tried again.
TRIES = 3
ANYTHING = "*"
# Longer than a worker lives after the cloud has held a call.
HELD = 60.0


@dataclass(frozen=True)
class Point:
    play: str
    action: str
    occurrence: int
    fault: str


@dataclass
class Tried:
    point: Point
    struck: bool
    audit: AuditReport
    lane: str


@dataclass
class Results:
    tried: list[Tried] = field(default_factory=list)

    def broken(self) -> list[Tried]:
        return [one for one in self.tried if not one.audit.kept]


async def points(lane: Lane, play: str) -> list[Point]:
    """From one run without faults: each call of the worker, with each fault that makes sense."""
    lane.account.forget_calls()
    audit = await PLAYS[play](lane)
    if not audit.kept:
        raise RuntimeError(f"the play {play} breaks a promise without any fault: {audit}")
    calls = [call for call in lane.account.calls() if call["caller"] == lane.name]
    counts = Counter(_nameless(call["action"]) for call in calls)
    earlier = Counter(_nameless(call["action"]) for call in calls if call["at"] < lane.marked_at)
    lines = int((lane.lines / "lines").read_text()) if play == WITH_PACKER else 0
    return [Point(play, "line", line, LINE) for line in range(1, lines + 1)] + [
        Point(play, action, occurrence, fault)
        for action, count in counts.items()
        for occurrence in range(earlier[action], count)
        for fault in (*KILLS, *REPLIES)
        if fault != "reply lost" or not action.startswith(READS)
    ]


def _nameless(action: str) -> str:
    """Without the tag and the run in a key of S3: they differ in the next play."""
    return re.sub(r"/(logs|manifests)/.*?(/[a-z]+\.log)?$", rf"/\1/{ANYTHING}\2", action)


async def try_point(lane: Lane, point: Point) -> Tried:
    """One play with one fault. The visitors send requests all the time."""
    if point.fault == LINE:
        return await _try_line(lane, point)
    kill = point.fault in KILLS
    kind = (KILLS | REPLIES)[point.fault]
    lane.account.fault(
        kind,
        re.escape(point.action).replace(re.escape(ANYTHING), ".*"),
        skip=point.occurrence,
        match={"caller": f"^{lane.name}$"},
        times=1,
        **({"seconds": HELD if kill else 30} if kind in ("hang", "late_reply") else {}),
    )
    watching = asyncio.create_task(_kill_when_struck(lane)) if kill else None
    with lane.visitors() as visitors:
        audit = await PLAYS[point.play](lane)
        if watching:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        struck = any(fault["times"] == 0 for fault in lane.account.faults_of(f"^{lane.name}$"))
        lane.account.forget_faults_of(f"^{lane.name}$")
        tally = visitors.stop()
    return _tried(lane, point, audit, tally, struck=struck)


async def _try_line(lane: Lane, point: Point) -> Tried:
    struck = lane.lines / "struck"
    (lane.lines / "kill-at").write_text(str(point.occurrence))

    async def kill() -> None:
        while not struck.exists():
            await asyncio.sleep(LOOK)
        await asyncio.shield(asyncio.ensure_future(lane.kill_worker()))

    watching = asyncio.create_task(kill())
    with lane.visitors() as visitors:
        audit = await PLAYS[point.play](lane)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        tally = visitors.stop()
    was_struck = struck.exists()
    for name in ("struck", "kill-at"):
        (lane.lines / name).unlink(missing_ok=True)
    return _tried(lane, point, audit, tally, struck=was_struck)


def _tried(lane: Lane, point: Point, audit: AuditReport, tally: Tally, *, struck: bool) -> Tried:
    audit.requests, audit.failed_requests = tally.sent, tally.failed
    if tally.failures:
        audit.broken.append(f"requests failed: {tally.failures[:3]}")
    return Tried(point, struck, audit, lane.name)


async def _kill_when_struck(lane: Lane) -> None:
    while not any(
        fault["times"] == 0
        for fault in await asyncio.to_thread(lane.account.faults_of, f"^{lane.name}$")
    ):
        await asyncio.sleep(LOOK)
    await asyncio.shield(asyncio.ensure_future(lane.kill_worker()))


async def run(lanes: list[Lane], wanted: Iterable[Point], console: Console) -> Results:
    """
    The lanes take the points from one queue.

    A lane that broke a promise is not used again: its stack is no longer as the next point needs.
    """
    queue = list(wanted)
    total, results = len(queue), Results()

    async def work(lane: Lane) -> None:
        while queue:
            point = queue.pop(0)
            try:
                for _ in range(TRIES):
                    tried = await try_point(lane, point)
                    if tried.struck or not tried.audit.kept:
                        break
            except Exception as error:  # noqa: BLE001 (any error means that the point was not kept)
                tried = Tried(
                    point,
                    struck=True,
                    audit=AuditReport(broken=[f"the play itself failed: {error!r}"]),
                    lane=lane.name,
                )
            results.tried.append(tried)
            if not tried.audit.kept:
                console.print(
                    f"[bold red]BROKEN[/] {point} in {lane.name}: {tried.audit}", soft_wrap=True
                )
                return
            if len(results.tried) % 25 == 0:
                console.print(f"{len(results.tried)} of {total} points")

    await asyncio.gather(*(work(lane) for lane in lanes))
    if queue:
        console.print(f"[bold red]{len(queue)} points were not tried: no lane is left[/]")
    return results
