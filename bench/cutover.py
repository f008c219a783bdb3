"""
`make cutover`: what users see of a release, a rollback and an abort, with each strategy.

An open loop of requests (half of them on a connection of their own, one of fifty takes three seconds) goes through the local cloud's balancer
all the time. Not one may fail, but for those that a sick version answered with an error before the watch took the traffic away from it.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from bench.load import Answer, Load
from bench.plot import draw
from demo import infrastructure
from demo.account import Account
from demo.example import Repository
from demo.processes import ROOT, Stage

PICTURE = ROOT / "docs/pictures/cutover.png"
STRATEGIES = ("attach", "weighted", "classic")
SIZE = 4
LOOK = 0.1
ABORT = "abort!"
TIMEOUTS = "first_poll = 0.3\npoll = 1\nconfirm = 0.2\nhealthy = 60\nstep = {step}\nsoak = {soak}\ndrain = 60\n"
WATCH = "error_rate = 0.05\nrequests = 50\nperiod = 1\n"


@dataclass
class Play:
    """One of the plays: from when to when it went, and what its answers show. Seconds since the load began."""

    strategy: str
    name: str
    began: float
    ended: float = 0
    marks: list[tuple[float, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    old: str = ""
    new: str = ""
    # From the word, or from the first error, until the new version got nothing any more.
    reaction: float | None = None

    @property
    def failed(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.problem]

    @property
    def mixed(self) -> float:
        """Seconds in which both versions answered."""
        spans = {v: [a.at for a in self.answers if a.version == v] for v in (self.old, self.new)}
        if not all(spans.values()):
            return 0
        return max(0, min(max(at) for at in spans.values()) - max(min(at) for at in spans.values()))

    def latency(self, percent: int) -> float:
        ordered = sorted(
            answer.seconds for answer in self.answers if not answer.slow and not answer.problem
        )
        return ordered[len(ordered) * percent // 100] if ordered else 0


@dataclass
class Theatre:
    """One strategy's stack, and the users of it."""

    strategy: str
    client: Client
    account: Account
    repository: Repository
    load: Load
    serving: str = "v1"

    async def play(
        self,
        name: str,
        new: str,
        start: Callable[[], Any],
        until: Callable[[Any, Play], Any] | None = None,
        wait: float = 3,
    ) -> Play:
        """`until` may speak to the workflow while it runs. Some seconds before and after belong to it: they show what is usual."""
        play = Play(self.strategy, name, self.load.now, old=self.serving, new=new)
        await asyncio.sleep(wait)
        play.marks.append((self.load.now, name))
        handle: WorkflowHandle[Any, Any] = await start()
        watching = asyncio.create_task(self._mark(handle, play))
        if until:
            await until(handle, play)
        try:
            await handle.result()
            self.serving = new
        except WorkflowFailureError as error:
            play.marks.append((self.load.now, "rolled back"))
            if not until and "watch" not in str(error.cause):
                raise
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await asyncio.sleep(wait)
        play.ended = self.load.now
        return play

    async def _mark(self, handle: WorkflowHandle[Any, Any], play: Play) -> None:
        seen: tuple[str, Any] = ("", None)
        while True:
            status = await handle.query("status")
            now = (
                status["phase"],
                status["weights"].get("green") if self.strategy == "weighted" else None,
            )
            if now != seen and now[0] in ("shifting", "watching", "draining", "parking"):
                play.marks.append(
                    (
                        self.load.now,
                        f"{now[1]} %" if now[1] is not None and now[0] == "shifting" else now[0],
                    )
                )
            seen = now
            await asyncio.sleep(LOOK)

    async def release(self, tag: str) -> WorkflowHandle[Any, Any]:
        request = {"stack": "demo", "tag": tag}
        return await self.client.start_workflow(
            "ReleaseWorkflow", request, id="release-demo", task_queue="ovenbird"
        )

    async def rollback(self) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(
            "RollbackWorkflow", {"stack": "demo"}, id="release-demo", task_queue="ovenbird"
        )

    async def abort_when_it_serves(self, handle: WorkflowHandle[Any, Any], play: Play) -> None:
        """Some seconds after the new version got traffic."""
        while (await handle.query("status"))["phase"] not in ("shifting", "watching"):
            await asyncio.sleep(LOOK)
        await asyncio.sleep(4)
        play.marks.append((self.load.now, ABORT))
        await handle.signal("abort_and_roll_back", {"by": "bench"})


@asynccontextmanager
async def theatre(strategy: str, rate: float, step: float, soak: float) -> AsyncIterator[Theatre]:
    home = Path(tempfile.mkdtemp(prefix="cutover-"))
    with Stage(home, cloud=("--scale", "0.4")) as stage:
        account = Account(stage.environment)
        base = infrastructure.build(stage.environment, stack="base", port=8001)
        built = infrastructure.BALANCERS[strategy](stage.environment, base, "demo", port=8000)
        repository = Repository(home / "repository")
        settings = {
            "capacity": f"min = {SIZE}\nmax = {SIZE * 3}",
            "timeouts": TIMEOUTS.format(step=step, soak=soak),
            "watch": WATCH,
            "load_balancer": "steps = [10, 50, 100]\n" if strategy == "weighted" else "",
        }
        (home / "stacks.toml").write_text(built.stack("demo", repository.url, **settings))
        for tag, errors in (("v1", "0"), ("v2", "0"), ("v3", "0"), ("v4", "0.2")):
            repository.release(tag, ERRORS=errors)
        stage.start_worker()
        client = await Client.connect(stage.temporal_address)
        load = Load(built.address, rate)
        made = Theatre(strategy, client, account, repository, load)
        await (await made.release("v1")).result()
        async with load.running():
            yield made


async def perform(
    strategy: str, rate: float, step: float, soak: float
) -> tuple[list[Play], list[Answer]]:
    async with theatre(strategy, rate, step, soak) as stage:
        plays = [
            await stage.play("release", "v2", lambda: stage.release("v2")),
            await stage.play("rollback", "v1", stage.rollback),
            await stage.play(
                "abort", "v3", lambda: stage.release("v3"), stage.abort_when_it_serves
            ),
            await stage.play("sick release", "v4", lambda: stage.release("v4")),
            await stage.play("release again", "v3", lambda: stage.release("v3")),
        ]
    for play in plays:
        play.answers = [
            answer for answer in stage.load.answers if play.began <= answer.at < play.ended
        ]
        of_new = [answer.at for answer in play.answers if answer.version == play.new]
        said = next((at for at, what in play.marks if what == ABORT), None)
        if play.name == "sick release":
            said = min((answer.at for answer in play.failed), default=None)
        if said is not None and of_new:
            play.reaction = max(0.0, max(of_new) - said)
    return plays, stage.load.answers


def main() -> None:
    parser = argparse.ArgumentParser(prog="make cutover", description=__doc__)
    parser.add_argument("--rate", type=float, default=300, help="requests a second")
    parser.add_argument("--step", type=float, default=12, help="seconds of each step of weights")
    parser.add_argument("--soak", type=float, default=15, help="seconds of the watch")
    parser.add_argument(
        "--strategy", choices=STRATEGIES, action="append", help="all where left out"
    )
    parser.add_argument("--picture", type=Path, default=PICTURE)
    chosen = parser.parse_args()
    console = Console(width=150, highlight=False)
    table = Table(
        title=f"{chosen.rate:g} requests a second, {SIZE} instances, against the local cloud",
        title_justify="left",
    )
    for heading in (
        "strategy",
        "play",
        "requests",
        "failed",
        "latency p50, p95, p99 (ms)",
        "both serve (s)",
        "reaction (s)",
    ):
        table.add_column(
            heading, justify="right" if heading not in ("strategy", "play") else "left"
        )
    kept, sent, drawn = True, 0, {}
    for strategy in chosen.strategy or STRATEGIES:
        plays, answers = asyncio.run(perform(strategy, chosen.rate, chosen.step, chosen.soak))
        drawn[strategy] = (plays, answers)
        sent += len(answers)
        outside = [
            answer
            for answer in answers
            if answer.problem
            and not any(p.name == "sick release" and answer in p.failed for p in plays)
        ]
        kept &= not outside
        for play in plays:
            latency = ", ".join(f"{play.latency(percent) * 1000:.0f}" for percent in (50, 95, 99))
            share = (
                f" ({len(play.failed) / len(play.answers):.2%})"
                if play.name == "sick release"
                else ""
            )
            table.add_row(
                strategy,
                play.name,
                str(len(play.answers)),
                f"{len(play.failed)}{share}",
                latency,
                f"{play.mixed:.1f}",
                f"{play.reaction:.1f}" if play.reaction is not None else "",
            )
        for answer in outside[:5]:
            console.print(f"[bold red]failed[/] {strategy} at {answer.at:.2f} s: {answer.problem}")
    console.print(table)
    console.print(
        f"requests: {sent}; but for the sick version's own errors failed: {0 if kept else 'SOME'}"
    )
    draw(drawn, chosen.picture)
    console.print(f"picture: {chosen.picture}")
    raise SystemExit(0 if kept else 1)


if __name__ == "__main__":
    main()
