"""
`make torture`: the crash matrices, the storm and the aborts. It writes docs/crash-matrix.md.

`--sample N` tries N points of each play, and writes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import tempfile
import time
from pathlib import Path

from rich.console import Console

from bench.meddle import all_runs as meddle
from bench.torture import matrix, reaction, report, stage, storm
from bench.torture.plays import PLAYS, STRATEGIES, WITH_PACKER
from demo.processes import ROOT

REPORT = ROOT / "docs/crash-matrix.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--lanes", type=int, default=5, help="stacks side by side")
    parser.add_argument("--sample", type=int, help="how many points of each play to try")
    parser.add_argument("--storm", type=int, default=200, help="releases in the storm")
    parser.add_argument("--aborts", type=int, default=20, help="aborts at random moments")
    parser.add_argument("--meddled", type=int, default=20, help="runs of `make meddle`")
    parser.add_argument(
        "--plays",
        default="all",
        help="all, native (without Packer), or a word in the names; only all is written down",
    )
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    random.seed(chosen.seed)
    home = Path(tempfile.mkdtemp(prefix="torture-"))
    kept = asyncio.run(torture(home, chosen))
    if kept:
        shutil.rmtree(home)
    else:
        print(f"logs of workers, Temporal and the cloud: {home}")
    raise SystemExit(0 if kept else 1)


async def torture(home: Path, chosen: argparse.Namespace) -> bool:
    """Whether every promise was kept."""
    console = Console(width=180, highlight=False)
    started = time.monotonic()
    found = report.Found()
    for strategy in ("attach", *sorted(set(STRATEGIES.values()))):
        plays = [
            play
            for play in PLAYS
            if STRATEGIES.get(play, "attach") == strategy and _chosen(play, chosen.plays)
        ]
        if plays or strategy == "attach":
            await _with_strategy(home, chosen, strategy, plays, found, console)
    plans = meddle.chosen(chosen.seed, min(chosen.meddled, chosen.sample or chosen.meddled))
    found.meddled = await meddle.meddle(home / "meddled", plans, chosen.lanes)
    text = report.markdown(
        found,
        seconds=time.monotonic() - started,
        lanes=chosen.lanes,
        cores=len(os.sched_getaffinity(0)),
    )
    print(text)
    if not chosen.sample and chosen.plays == "all":
        REPORT.write_text(text)
    return found.kept(chosen.storm)


async def _with_strategy(
    home: Path,
    chosen: argparse.Namespace,
    strategy: str,
    plays: list[str],
    found: report.Found,
    console: Console,
) -> None:
    """Adds to `found` what these plays showed. The aborts and the storm run with attach alone."""
    async with stage.lanes(home / strategy, chosen.lanes, strategy) as (processes, lanes):
        if strategy == "attach":
            found.aborts = await reaction.run(lanes[0], chosen.aborts)
            console.print(f"aborts: {[round(audit.seconds, 2) for audit in found.aborts]}")
        wanted: list[matrix.Point] = []
        for play in plays:
            points = await matrix.points(lanes[0], play)
            sample = min(chosen.sample or len(points), len(points))
            wanted += random.sample(points, sample)
        random.shuffle(wanted)
        console.print(f"{len(wanted)} points, {chosen.lanes} lanes, {strategy}")
        tried = (await matrix.run(lanes, wanted, console)).tried
        found.results.tried += tried
        found.tried_all &= len(tried) == len(wanted)
        if strategy == "attach":
            found.storm = await storm.run(processes, lanes, chosen.storm, console)


def _chosen(play: str, plays: str) -> bool:
    return (
        play != WITH_PACKER
        if plays == "native"
        else plays == "all" or plays.lower() in play.lower()
    )


if __name__ == "__main__":
    main()
