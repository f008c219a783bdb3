"""The plays: a release, a rollback, an abort or a sweep, and the moment at which it is meddled."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from temporalio.client import WorkflowHandle

from bench.meddle import kinds as k
from bench.meddle import marks, members, membership, rules, sizes  # noqa: F401
from bench.meddle.judge import ASKS, SWEPT, Ending
from bench.meddle.stack import MeddledStack

LOOK = 0.1
# Seconds that a wait lasts which the play ends itself.
HELD = 60.0
RELEASE, ROLLBACK, ABORT, SWEEP = "release", "rollback", "abort", "sweep"
ABORT_ROLLBACK = "abort of a rollback"
# Which moments a play has. Those of an abort and a sweep are held until it comes.
MOMENTS: dict[str, tuple[str, ...]] = {
    RELEASE: (k.LAUNCHING, k.UNHEALTHY, k.APPROVAL, k.HALF, k.ALONE, k.HOT, k.DRAINING),
    ROLLBACK: (k.UNHEALTHY, k.ALONE, k.HOT, k.DRAINING),
    ABORT: (k.APPROVAL, k.HALF, k.ALONE, k.HOT),
    ABORT_ROLLBACK: (k.ALONE, k.HOT),
    SWEEP: (k.APPROVAL, k.HALF, k.ALONE, k.HOT),
}
BEFORE, AFTER = "before", "after"
Meddle = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Plan:
    """
    All that a seed decides.

    `pause` is how many seconds pass between the moment and the meddling, or, where it comes
    `after`, between the abort (or the end of the release) and the meddling; `rest` until the play
    goes on.
    """

    seed: int
    play: str
    strategy: str
    kinds: tuple[k.Kind, ...]
    moment: str
    order: str
    pause: float
    rest: float

    @property
    def words(self) -> str:
        return "; ".join(kind.words for kind in self.kinds)

    @property
    def when(self) -> str:
        """As "blue is hot, 0.4 s after the abort"."""
        since = f" after the {self.play}" if self.order == AFTER else ""
        return f"{self.moment}, {self.pause:.1f} s{since}"


def plan(seed: int) -> Plan:
    """The same for the same seed, on every machine."""
    chance = random.Random(seed)
    strategy = chance.choice(k.EVERY)
    # Two at once in every eighth run.
    first = chance.choice([one for one in k.KINDS if strategy in one.strategies])
    held = chance.random() < 0.6
    plays = (ABORT, ABORT, ABORT, ABORT_ROLLBACK, SWEEP) if held else (RELEASE, RELEASE, ROLLBACK)
    play = chance.choice(plays)
    moments = [
        moment
        for moment in MOMENTS[play]
        if moment in first.moments and (moment != k.HALF or strategy == "weighted")
    ]
    moment = chance.choice(moments)
    both: tuple[k.Kind, ...] = (first,)
    if chance.random() < 0.125:
        others = [
            one
            for one in k.KINDS
            if one is not first and strategy in one.strategies and moment in one.moments
        ]
        both = (first, chance.choice(others))
    order = AFTER if held and chance.random() < 0.3 else BEFORE
    return Plan(
        seed,
        play,
        strategy,
        both,
        moment,
        order,
        round(chance.uniform(0, 0.6), 2),
        round(chance.uniform(0.1, 1.2), 2),
    )


def configured(stack: MeddledStack, plan: Plan) -> None:
    """So that the moment comes, and lasts until the play ends it."""
    held = plan.play in (ABORT, ABORT_ROLLBACK, SWEEP)
    long = HELD if held else 1.5
    stack.configure(
        soak=long if plan.moment == k.ALONE else 0.3,
        step=long if plan.moment == k.HALF else 0.3,
        hot=(HELD if held else 3.0) if plan.moment == k.HOT else 0,
        approval=plan.moment == k.APPROVAL,
        healthy=20,
    )


async def perform(stack: MeddledStack, plan: Plan, new: str, meddle: Meddle) -> Ending:
    """The play from its start to its end, meddled with on the way."""
    rolls_back = plan.play in (ROLLBACK, ABORT_ROLLBACK)
    handle = await (stack.rollback() if rolls_back else stack.release(new))
    ended = asyncio.create_task(stack.ending(handle))
    if await _came(stack, handle, plan.moment, ended):
        if plan.order == BEFORE:
            await asyncio.sleep(plan.pause)
            await meddle()
            await asyncio.sleep(plan.rest)
        if plan.play == SWEEP:
            return await _swept(stack, handle, ended, plan, meddle)
        if plan.play in (ABORT, ABORT_ROLLBACK):
            await stack.signal(handle, "abort_and_roll_back")
        elif plan.moment == k.APPROVAL:
            await stack.signal(handle, "approve_cutover")
        if plan.order == AFTER:
            await asyncio.sleep(plan.pause)
            await meddle()
    kind = await _answered(stack, handle, ended)
    words = stack.last_words if kind != "Completed" else ""
    return Ending(kind, words)


async def _answered(
    stack: MeddledStack, handle: WorkflowHandle[Any, Any], ended: asyncio.Task[str]
) -> str:
    """Where it asks a person, the answer is an abort: what served before shall go on serving."""
    while not ended.done():
        paused = (await stack.status(handle)).get("paused") or {}
        if paused.get("by") == "Ovenbird":
            await stack.signal(handle, "abort_and_roll_back")
            return await ended
        await asyncio.wait([ended], timeout=LOOK)
    return await ended


async def _came(
    stack: MeddledStack, handle: WorkflowHandle[Any, Any], moment: str, ended: asyncio.Task[str]
) -> bool:
    """Whether the moment came before the run ended."""
    while not ended.done():
        if _is(moment, await stack.status(handle)):
            return True
        await asyncio.sleep(LOOK)
    return False


def _is(moment: str, status: dict[str, Any]) -> bool:
    phase, weights = status.get("phase"), status.get("weights") or {}
    watching = phase in ("watching", "shifting")
    hot = "park-now" in str(status.get("bullets"))
    if moment == k.HALF:
        return watching and weights.get("green") == 50
    if moment == k.ALONE:
        left = (status.get("blue") or {}).get("in_balancer") is False
        return watching and not hot and (left or weights.get("green") == 100)
    if moment == k.HOT:
        return watching and hot
    phases = {
        k.LAUNCHING: "launching",
        k.UNHEALTHY: "waiting_healthy",
        k.APPROVAL: "waiting_approval",
        k.DRAINING: "draining",
    }
    return phase == phases[moment]


async def _swept(
    stack: MeddledStack,
    handle: WorkflowHandle[Any, Any],
    ended: asyncio.Task[str],
    plan: Plan,
    meddle: Meddle,
) -> Ending:
    """The run is terminated, which runs none of its code; then a person sweeps."""
    with contextlib.suppress(Exception):
        await handle.terminate("somebody was in a hurry")
    await ended
    sweeping = await stack.start(
        "SweepWorkflow", {"stack": stack.name, "dry_run": False}, f"sweep-{stack.name}"
    )
    if plan.order == AFTER:
        await asyncio.sleep(plan.pause)
        await meddle()
    kind = await stack.ending(sweeping)
    if kind != "Completed":
        return Ending(kind, stack.last_words)
    (swept,) = await sweeping.result()
    left = "; ".join(f"{name}: {why}" for name, why in swept["left"].items())
    if swept["stopped"] or left:
        return Ending(ASKS, f"{swept['stopped']} {left}".strip())
    serving = str(swept["serving"] or "")
    marked = next((tag for tag in ("v1", "v2") if f"-{tag}-" in serving), "")
    return Ending(SWEPT, f"cleared: {', '.join(swept['cleared']) or 'nothing'}", marked)
