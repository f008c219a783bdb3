"""
`make cutover`: what visitors see of a release, a rollback and an abort, with each strategy.

An open loop of requests goes through the local cloud's balancer all the time. Half of them have
their own connection, and each fiftieth takes three seconds. No request may fail. The exception are
the errors of a sick version before the watch has taken the traffic away from it.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.cutover_plays import SICK, SIZE, Play, perform
from bench.load import Answer
from bench.plot import draw
from demo.processes import ROOT

PICTURE = ROOT / "docs/pictures/cutover.png"
STRATEGIES = ("attach", "weighted", "classic")
HEADINGS = (
    "strategy",
    "play",
    "requests",
    "failed",
    "latency p50, p95, p99 (ms)",
    "both serve (s)",
    "reaction (s)",
)


def main() -> None:
    chosen = arguments()
    console = Console(width=150, highlight=False)
    table = Table(
        title=f"{chosen.rate:g} requests a second, {SIZE} instances, against the local cloud",
        title_justify="left",
    )
    for heading in HEADINGS:
        left = heading in ("strategy", "play")
        table.add_column(heading, justify="left" if left else "right")
    kept, sent, drawn = True, 0, {}
    for strategy in chosen.strategy or STRATEGIES:
        plays, answers = asyncio.run(perform(strategy, chosen.rate, chosen.step, chosen.soak))
        drawn[strategy] = (plays, answers)
        sent += len(answers)
        broken = unexpected_failures(plays, answers)
        kept &= not broken
        for play in plays:
            table.add_row(*row(play))
        for answer in broken[:5]:
            console.print(f"[bold red]failed[/] {strategy} at {answer.at:.2f} s: {answer.problem}")
    console.print(table)
    failed = 0 if kept else "SOME"
    console.print(f"requests: {sent}; failed, without those of the sick version: {failed}")
    draw(drawn, chosen.picture)
    console.print(f"picture: {chosen.picture}")
    raise SystemExit(0 if kept else 1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make cutover", description=__doc__)
    parser.add_argument("--rate", type=float, default=300, help="requests a second")
    parser.add_argument("--step", type=float, default=12, help="seconds of each step of weights")
    parser.add_argument("--soak", type=float, default=15, help="seconds of the watch")
    parser.add_argument("--strategy", choices=STRATEGIES, action="append", help="default: all")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    return parser.parse_args()


def unexpected_failures(plays: list[Play], answers: list[Answer]) -> list[Answer]:
    expected = [answer for play in plays if play.name == SICK for answer in play.failed]
    return [answer for answer in answers if answer.problem and answer not in expected]


def row(play: Play) -> tuple[str, ...]:
    latency = ", ".join(f"{play.latency(percent) * 1000:.0f}" for percent in (50, 95, 99))
    share = f" ({len(play.failed) / len(play.answers):.2%})" if play.name == SICK else ""
    return (
        play.strategy,
        play.name,
        str(len(play.answers)),
        f"{len(play.failed)}{share}",
        latency,
        f"{play.mixed:.1f}",
        f"{play.reaction:.1f}" if play.reaction is not None else "",
    )


if __name__ == "__main__":
    main()
