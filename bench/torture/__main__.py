"""`make torture`: all of it, and docs/crash-matrix.md. `--sample N` tries N points of each play and writes nothing."""

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

from bench.torture import matrix, reaction, report, stage, storm
from bench.torture.audit import Verdict
from bench.torture.plays import PACKED, PLAYS, STRATEGIES
from demo.processes import ROOT

REPORT = ROOT / "docs/crash-matrix.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--lanes", type=int, default=5, help="stacks side by side")
    parser.add_argument("--sample", type=int, help="so many points of each play")
    parser.add_argument("--storm", type=int, default=200, help="releases in the storm")
    parser.add_argument("--aborts", type=int, default=20, help="aborts at random moments")
    parser.add_argument(
        "--plays",
        default="all",
        help="all, native (without Packer), or a word in their names; only all is written down",
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
    count, sample, releases = chosen.lanes, chosen.sample, chosen.storm
    console = Console(width=180, highlight=False)
    started = time.monotonic()
    results, tried_all = matrix.Results(), True
    whirl, reactions = storm.Storm(), list[Verdict]()
    for strategy in ("attach", *sorted(set(STRATEGIES.values()))):
        plays = [
            play
            for play in PLAYS
            if STRATEGIES.get(play, "attach") == strategy and _chosen(play, chosen.plays)
        ]
        if not plays and strategy != "attach":
            continue
        async with stage.lanes(home / strategy, count, strategy) as (theatre, lanes):
            if strategy == "attach":
                reactions = await reaction.run(lanes[0], chosen.aborts)
                console.print(f"aborts: {[round(verdict.seconds, 2) for verdict in reactions]}")
            wanted: list[matrix.Point] = []
            for play in plays:
                found = await matrix.points(lanes[0], play)
                wanted += random.sample(found, min(sample, len(found))) if sample else found
            random.shuffle(wanted)
            console.print(f"{len(wanted)} points, {count} lanes, {strategy}")
            tried = (await matrix.run(lanes, wanted, console)).tried
            results.tried += tried
            tried_all &= len(tried) == len(wanted)
            if strategy == "attach":
                whirl = await storm.run(theatre, lanes, releases, console)
    kept = not (results.broken() or whirl.broken() or whirl.failed_requests) and tried_all
    kept = kept and len(whirl.verdicts) == releases and all(verdict.kept for verdict in reactions)
    text = report.markdown(
        results,
        whirl,
        reactions,
        seconds=time.monotonic() - started,
        lanes=count,
        cores=len(os.sched_getaffinity(0)),
    )
    print(text)
    if not sample and chosen.plays == "all":
        REPORT.write_text(text)
    return kept


def _chosen(play: str, plays: str) -> bool:
    return play != PACKED if plays == "native" else plays == "all" or plays.lower() in play.lower()


if __name__ == "__main__":
    main()
