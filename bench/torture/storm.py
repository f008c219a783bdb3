"""The storm: many releases, a fifth of all calls failing, workers killed every few seconds, Temporal's server killed once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from temporalio.client import WorkflowHandle

from bench.torture.audit import Auditor, Verdict
from bench.torture.lane import Lane
from demo.processes import Stage

FAULTS = ("throttle", "error", "reset", "lost_reply")
SHARE = 0.2
KILL_EVERY = (2.0, 5.0)
# A play as long as this has been through all its phases: aborts come at any moment of it.
LONGEST = 12.0


@dataclass
class Storm:
    plays: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    verdicts: list[Verdict] = field(default_factory=list)
    kills: int = 0
    restarts: int = 0
    calls: int = 0
    failed_calls: int = 0
    requests: int = 0
    failed_requests: int = 0

    def broken(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if not verdict.kept]


async def run(stage: Stage, lanes: list[Lane], releases: int, console: Console) -> Storm:
    storm, left = Storm(), list(range(releases))
    account = lanes[0].account
    account.forget_calls()
    for number, kind in enumerate(FAULTS):
        # Each is asked only where those before it let the call pass.
        share = SHARE / len(FAULTS)
        account.fault(
            kind, times=None, probability=share / (1 - number * share), match={"caller": "^lane"}
        )

    async def work(lane: Lane) -> None:
        with lane.users() as users:
            while left:
                left.pop()
                verdict = await _play(lane, storm)
                storm.verdicts.append(verdict)
                if not verdict.kept:
                    console.print(f"[bold red]BROKEN[/] in {lane.name}: {verdict}", soft_wrap=True)
                    break
                if len(storm.verdicts) % 25 == 0:
                    console.print(f"{len(storm.verdicts)} of {releases} of the storm")
            tally = users.stop()
        storm.requests += tally.sent
        storm.failed_requests += tally.failed
        if tally.failures:
            console.print(
                f"[bold red]BROKEN[/] in {lane.name}: requests failed: {tally.failures[:3]}"
            )

    async def kill() -> None:
        while True:
            await asyncio.sleep(random.uniform(*KILL_EVERY))
            storm.kills += 1
            await random.choice(lanes).kill_worker()

    async def restart() -> None:
        while len(left) > releases // 2:
            await asyncio.sleep(0.2)
        await asyncio.to_thread(stage.restart_temporal)
        storm.restarts += 1

    others = [asyncio.create_task(kill()), asyncio.create_task(restart())]
    await asyncio.gather(*(work(lane) for lane in lanes))
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    calls = [call for call in account.calls() if call["caller"]]
    storm.calls, storm.failed_calls = len(calls), sum(bool(call["fault"]) for call in calls)
    account.clear_faults()
    return storm


async def _play(lane: Lane, storm: Storm) -> Verdict:
    """A release, a rollback, or a release that is aborted at whatever moment; each ending has its own promise."""
    auditor, started = Auditor(lane), time.monotonic()
    play = random.choices(("release", "rollback", "abort"), (6, 2, 2))[0]
    storm.plays[play] += 1
    tag = None if play == "rollback" else lane.new_tag()
    handle = await (lane.rollback() if tag is None else lane.release(tag))
    aborting = asyncio.create_task(_abort(lane, handle)) if play == "abort" else None
    ended = await lane.ending(handle)
    if aborting:
        aborting.cancel()
        await asyncio.gather(aborting, return_exceptions=True)
    storm.endings[ended] += 1
    seconds = time.monotonic() - started
    if ended == "Completed":
        return auditor.verdict(
            ended, "Completed", serves=tag or _previous(auditor), seconds=seconds
        )
    wanted = ended if play == "abort" and ended in ("RolledBack", "Refused") else "Completed"
    await _until_bakes_end(lane)
    return auditor.verdict(ended, wanted, serves=None, seconds=seconds)


async def _abort(lane: Lane, handle: WorkflowHandle[Any, Any]) -> None:
    await asyncio.sleep(random.uniform(0, LONGEST))
    await lane.signal(handle, "abort_and_roll_back")


async def _until_bakes_end(lane: Lane) -> None:
    """An aborted bake clears up behind the release that left it."""
    while [
        run
        async for run in lane.client.list_workflows(
            "WorkflowType = 'BakeWorkflow' AND ExecutionStatus = 'Running'"
        )
        if lane.name in run.id
    ]:
        await asyncio.sleep(0.2)


def _previous(auditor: Auditor) -> str:
    parked = [
        g for g in auditor.before.groups.values() if g["tags"].get("ovenbird:state") == "parked"
    ]
    return str(
        max(parked, key=lambda group: group["tags"]["ovenbird:served-at"])["tags"]["ovenbird:tag"]
    )
