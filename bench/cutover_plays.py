"""The plays of `make cutover`: a release, a rollback, an abort and a sick release under load."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from bench.load import Answer, Load
from demo import network
from demo.balancers import BALANCERS
from demo.example import Repository
from demo.processes import Stage

SIZE = 4
# Seconds between two looks at a workflow.
LOOK = 0.1
# Seconds that the new version gets traffic before the abort.
ABORT_AFTER = 4
# Seconds before and after each play, which show what is usual.
USUAL = 3
ABORT = "abort!"
SICK = "sick release"
TIMEOUTS = (
    "first_poll = 0.3\npoll = 1\nconfirm = 0.2\nhealthy = 60\n"
    "step = {step}\nsoak = {soak}\ndrain = 60\n"
)
WATCH = "error_rate = 0.05\nrequests = 50\nperiod = 1\n"


@dataclass
class Play:
    """One play: when it began and ended (seconds since the load began), and its answers."""

    strategy: str
    name: str
    began: float
    ended: float = 0
    marks: list[tuple[float, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    old: str = ""
    new: str = ""
    # Seconds from the abort, or from the first error, to the last request to the new version.
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
class StackUnderLoad:
    """The stack of one strategy, and the requests to it."""

    strategy: str
    client: Client
    load: Load
    serving: str = "v1"

    async def play(
        self,
        name: str,
        new: str,
        start: Callable[[], Any],
        until: Callable[[Any, Play], Any] | None = None,
    ) -> Play:
        """`until` may send messages to the workflow while it runs."""
        play = Play(self.strategy, name, self.load.now, old=self.serving, new=new)
        await asyncio.sleep(USUAL)
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
        await asyncio.sleep(USUAL)
        play.ended = self.load.now
        return play

    async def _mark(self, handle: WorkflowHandle[Any, Any], play: Play) -> None:
        """Adds a mark at each new phase, and at each new weight."""
        seen: tuple[str, Any] = ("", None)
        while True:
            status = await handle.query("status")
            weight = status["weights"].get("green") if self.strategy == "weighted" else None
            phase = status["phase"]
            if (phase, weight) != seen and phase in ("shifting", "watching", "draining", "parking"):
                shifted = weight is not None and phase == "shifting"
                play.marks.append((self.load.now, f"{weight} %" if shifted else phase))
            seen = (phase, weight)
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
        """Some seconds after the new version got its first traffic."""
        while (await handle.query("status"))["phase"] not in ("shifting", "watching"):
            await asyncio.sleep(LOOK)
        await asyncio.sleep(ABORT_AFTER)
        play.marks.append((self.load.now, ABORT))
        await handle.signal("abort_and_roll_back", {"by": "bench"})


@asynccontextmanager
async def stack_under_load(
    strategy: str, rate: float, step: float, soak: float
) -> AsyncIterator[StackUnderLoad]:
    home = Path(tempfile.mkdtemp(prefix="cutover-"))
    with Stage(home, cloud=("--scale", "0.4")) as stage:
        base = network.build(stage.environment, stack="base", port=8001)
        built = BALANCERS[strategy](stage.environment, base, "demo", port=8000)
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
        made = StackUnderLoad(strategy, client, load)
        await (await made.release("v1")).result()
        async with load.running():
            yield made


async def perform(
    strategy: str, rate: float, step: float, soak: float
) -> tuple[list[Play], list[Answer]]:
    async with stack_under_load(strategy, rate, step, soak) as stack:
        plays = [
            await stack.play("release", "v2", lambda: stack.release("v2")),
            await stack.play("rollback", "v1", stack.rollback),
            await stack.play(
                "abort", "v3", lambda: stack.release("v3"), stack.abort_when_it_serves
            ),
            await stack.play(SICK, "v4", lambda: stack.release("v4")),
            await stack.play("release again", "v3", lambda: stack.release("v3")),
        ]
    for play in plays:
        play.answers = [
            answer for answer in stack.load.answers if play.began <= answer.at < play.ended
        ]
        play.reaction = _reaction(play)
    return plays, stack.load.answers


def _reaction(play: Play) -> float | None:
    of_new = [answer.at for answer in play.answers if answer.version == play.new]
    begin = next((at for at, what in play.marks if what == ABORT), None)
    if play.name == SICK:
        begin = min((answer.at for answer in play.failed), default=None)
    return None if begin is None or not of_new else max(0.0, max(of_new) - begin)
