"""The storm: many plays while a fifth of all calls fail and workers and Temporal are killed."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from temporalio.client import WorkflowHandle

from bench.torture.audit import Auditor, AuditReport
from bench.torture.lane import Lane
from demo.account import Account
from demo.processes import Stage

FAULTS = ("throttle", "error", "reset", "lost_reply")
SHARE = 0.2
KILL_EVERY = (2.0, 5.0)
# Seconds after which a release has been through all phases. An abort comes before that.
LONGEST = 12.0


@dataclass
class Storm:
    plays: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    audits: list[AuditReport] = field(default_factory=list)
    kills: int = 0
    restarts: int = 0
    calls: int = 0
    failed_calls: int = 0
    requests: int = 0
    failed_requests: int = 0

    def broken(self) -> list[AuditReport]:
        return [audit for audit in self.audits if not audit.kept]


async def run(processes: Stage, lanes: list[Lane], releases: int, console: Console) -> Storm:
    storm, account = Storm(), lanes[0].account
    left = list(range(releases))
    account.forget_calls()
    _let_calls_fail(account)

    async def restart() -> None:
        while len(left) > releases // 2:
            await asyncio.sleep(0.2)
        await asyncio.to_thread(processes.restart_temporal)
        storm.restarts += 1

    disturbances = [asyncio.create_task(_kill(lanes, storm)), asyncio.create_task(restart())]
    await asyncio.gather(*(_work(lane, storm, left, releases, console) for lane in lanes))
    for task in disturbances:
        task.cancel()
    await asyncio.gather(*disturbances, return_exceptions=True)
    calls = [call for call in account.calls() if call["caller"]]
    storm.calls, storm.failed_calls = len(calls), sum(bool(call["fault"]) for call in calls)
    account.clear_faults()
    return storm


def _let_calls_fail(account: Account) -> None:
    share = SHARE / len(FAULTS)
    for number, kind in enumerate(FAULTS):
        # A fault is tried only where those before it let the call pass.
        probability = share / (1 - number * share)
        account.fault(kind, times=None, probability=probability, match={"caller": "^lane"})


async def _kill(lanes: list[Lane], storm: Storm) -> None:
    while True:
        await asyncio.sleep(random.uniform(*KILL_EVERY))
        storm.kills += 1
        await random.choice(lanes).kill_worker()


async def _work(lane: Lane, storm: Storm, left: list[int], releases: int, console: Console) -> None:
    """One play after the other until none is left, or until this lane breaks a promise."""
    with lane.visitors() as visitors:
        while left:
            left.pop()
            audit = await _play(lane, storm)
            storm.audits.append(audit)
            if not audit.kept:
                console.print(f"[bold red]BROKEN[/] in {lane.name}: {audit}", soft_wrap=True)
                break
            if len(storm.audits) % 25 == 0:
                console.print(f"{len(storm.audits)} of {releases} of the storm")
        tally = visitors.stop()
    storm.requests += tally.sent
    storm.failed_requests += tally.failed
    if tally.failures:
        words = f"requests failed: {tally.failures[:3]}"
        console.print(f"[bold red]BROKEN[/] in {lane.name}: {words}")


async def _play(lane: Lane, storm: Storm) -> AuditReport:
    """A release, a rollback, or a release with an abort. Each ending has its own promise."""
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
        return auditor.report(ended, "Completed", serves=tag or _previous(auditor), seconds=seconds)
    wanted = ended if play == "abort" and ended in ("RolledBack", "Refused") else "Completed"
    await _until_bakes_end(lane)
    return auditor.report(ended, wanted, serves=None, seconds=seconds)


async def _abort(lane: Lane, handle: WorkflowHandle[Any, Any]) -> None:
    await asyncio.sleep(random.uniform(0, LONGEST))
    await lane.signal(handle, "abort_and_roll_back")


async def _until_bakes_end(lane: Lane) -> None:
    """An aborted bake ends after the release that waited for it."""
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
