"""Any number of runs, several stacks side by side."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

from bench.meddle import judge, report
from bench.meddle.ground import ground
from bench.meddle.plays import Plan, plan
from bench.meddle.run import run
from bench.meddle.stack import Ground

# A cloud has addresses for so many balancers: then the next one is made.
RUNS_A_CLOUD = 100


def chosen(seed: int, runs: int, only: str = "") -> list[Plan]:
    """
    `runs` plans from this seed on.

    `only` is a regular expression for "play, strategy: meddling; moment".
    """
    plans: list[Plan] = []
    while len(plans) < runs:
        one = plan(seed)
        if re.search(only, f"{one.play}, {one.strategy}: {one.words}; {one.when}"):
            plans.append(one)
        seed += 1
    return plans


async def meddle(home: Path, plans: list[Plan], lanes: int) -> list[judge.Row]:
    """A row for each plan, in their order. SIGTERM ends all that was started."""
    this = asyncio.current_task()
    assert this
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    rows: list[judge.Row] = []

    async def work(made: Ground, queue: list[Plan]) -> None:
        while queue:
            row = await run(made, queue.pop(0))
            rows.append(row)
            print(f"{len(rows)} of {len(plans)}: {report.line(row)}", flush=True)

    for begin in range(0, len(plans), RUNS_A_CLOUD):
        queue = plans[begin : begin + RUNS_A_CLOUD]
        async with ground(home / f"from-{begin}") as made:
            await asyncio.gather(*(work(made, queue) for _ in range(lanes)))
    return sorted(rows, key=lambda row: row.seed)
