"""
`make meddle`: at a moment chosen at random, somebody else does one of many things to the account.

A seed decides everything: `make meddle RUNS=1 SEED=7` repeats that run. 100 runs and more are
written to docs/meddled.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path

from bench.meddle import report
from bench.meddle.all_runs import chosen, meddle
from demo.processes import ROOT

REPORT = ROOT / "docs/meddled.md"
WRITTEN_FROM = 100


def main() -> None:
    parser = argparse.ArgumentParser(prog="make meddle", description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--lanes", type=int, default=5, help="stacks side by side")
    parser.add_argument("--only", default="", help="a regular expression, e.g. weighted.*rule")
    arguments = parser.parse_args()
    plans = chosen(arguments.seed, arguments.runs, arguments.only)
    home = Path(tempfile.mkdtemp(prefix="meddle-"))
    started = time.monotonic()
    rows = asyncio.run(meddle(home, plans, arguments.lanes))
    text = report.markdown(
        rows,
        seconds=time.monotonic() - started,
        lanes=arguments.lanes,
        cores=len(os.sched_getaffinity(0)),
    )
    print(text)
    if len(rows) >= WRITTEN_FROM and not arguments.only:
        REPORT.write_text(text)
    kept = not any(row.bad for row in rows)
    if kept:
        shutil.rmtree(home)
    else:
        print(f"logs of workers, Temporal and the cloud: {home}")
    raise SystemExit(0 if kept else 1)


if __name__ == "__main__":
    main()
