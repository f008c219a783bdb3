"""One run: a stack is made, released, meddled with, judged, and demolished."""

from __future__ import annotations

import asyncio
import time

from botocore.exceptions import BotoCoreError, ClientError

from bench.meddle import judge
from bench.meddle.doors import Doors
from bench.meddle.kinds import Kind
from bench.meddle.plays import ABORT_ROLLBACK, ROLLBACK, Plan, configured, perform
from bench.meddle.scene import NothingThere, Scene
from bench.meddle.stack import Ground, MeddledStack

# Seconds after a run's end until the balancer has settled, and then at least in which it is asked
# who answers. Where the machine is busy, it takes longer until there are so many answers.
SETTLING, TAIL, LONGEST_TAIL = 2.0, 2.0, 30.0
ENOUGH = 15
# Seconds for what a kind needs to be there.
PATIENCE = 3.0
READY = 10.0


class Meddler:
    """Does what the plan says, and notes when."""

    def __init__(self, plan: Plan, scene: Scene) -> None:
        self._plan, self._scene = plan, scene
        self.done: list[tuple[Kind, float, float]] = []
        self.problems: list[str] = []

    async def meddle(self) -> None:
        """All kinds of the plan at once."""
        await asyncio.gather(*(self._do(kind) for kind in self._plan.kinds))

    async def _do(self, kind: Kind) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            began = time.monotonic()
            try:
                await asyncio.to_thread(kind.do, self._scene)
            except (NothingThere, ClientError, BotoCoreError) as error:
                if time.monotonic() > deadline:
                    self.problems.append(f"{kind.words}: {error}")
                    return
                await asyncio.sleep(0.3)
                continue
            self.done.append((kind, began, time.monotonic()))
            for url in self._scene.opened:
                self._scene.doors.open(url)
            self._scene.opened.clear()
            return

    @property
    def excused(self) -> tuple[float, float]:
        """From when to when failed requests are the meddler's own."""
        hurting = [one for one in self.done if one[0].hurts]
        if not hurting:
            return (0.0, -1.0)
        return (
            min(began for _, began, _ in hurting),
            max(ended + kind.hurts for kind, _, ended in hurting),
        )


async def run(ground: Ground, plan: Plan) -> judge.Row:
    row = judge.Row(plan.seed, plan.play, plan.strategy, plan.words, plan.when)
    own = any(kind.own_images for kind in plan.kinds)
    stack = MeddledStack(ground, f"m{plan.seed}", plan.strategy, own_images=own)
    rolls_back = plan.play in (ROLLBACK, ABORT_ROLLBACK)
    old, new = ("v2", "v1") if rolls_back else ("v1", "v2")
    scene = None
    try:
        await asyncio.to_thread(stack.build)
        stack.configure()
        await _prepare(stack, ("v1", "v2") if rolls_back else ("v1",))
        configured(stack, plan)
        doors = Doors(stack.urls)
        scene = stack.scene(doors, old, new)
        await _played(stack, plan, scene, row)
    except Exception as error:  # noqa: BLE001 (any error means that this run has shown nothing good)
        row.wrong.append(f"the play itself failed: {error!r}")
    try:
        ground.stacks.drop(stack.name)
        await asyncio.to_thread(stack.demolish, scene)
    except (ClientError, BotoCoreError) as error:
        row.problems.append(f"the stack could not be demolished: {error}")
    return row


async def _prepare(stack: MeddledStack, tags: tuple[str, ...]) -> None:
    for tag in tags:
        ended = await stack.ending(await stack.release(tag))
        if ended != judge.COMPLETED:
            raise RuntimeError(f"{stack.name} could not be prepared: {ended}: {stack.last_words}")


async def _played(stack: MeddledStack, plan: Plan, scene: Scene, row: judge.Row) -> None:
    doors, meddler = scene.doors, Meddler(plan, scene)
    async with doors.asked():
        await doors.until_one_answers(READY)
        began = time.monotonic()
        row.ending = await perform(stack, plan, scene.new, meddler.meddle)
        ended = time.monotonic()
        await asyncio.sleep(SETTLING)
        settled = time.monotonic()
        await _until_enough_answered(doors, settled)
    row.seconds, row.struck = ended - began, bool(meddler.done)
    row.problems = meddler.problems
    judge.judge(
        row,
        doors.since(began),
        doors.since(settled),
        tags=(scene.old, scene.new),
        excused=meddler.excused,
        stranger=any(kind.stranger for kind, _, _ in meddler.done),
    )


async def _until_enough_answered(doors: Doors, settled: float) -> None:
    await asyncio.sleep(TAIL)
    while len(doors.since(settled)) < ENOUGH * doors.open_ones:
        if time.monotonic() > settled + LONGEST_TAIL:
            raise RuntimeError("the balancer gave too few answers in time")
        await asyncio.sleep(0.2)
