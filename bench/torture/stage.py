"""What a torture needs: Temporal that keeps its state, a cloud without delays, the lanes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client

from bench.runs import Stacks
from bench.torture.lane import Lane
from demo import network
from demo.account import Account
from demo.processes import Stage


@asynccontextmanager
async def lanes(
    home: Path,
    count: int,
    strategy: str = "attach",
    *,
    unprepared: int = 0,
    temporal: tuple[str, ...] = (),
) -> AsyncIterator[tuple[Stage, list[Lane]]]:
    """
    Each lane serves one version and has another one parked.

    The last `unprepared` of the lanes have neither: just a worker. `temporal` are further values
    of the server's dynamic configuration.
    """
    cloud = ("--no-delays", "--scale", "0.02")
    with Stage(home, cloud=cloud, durable=True, temporal=temporal) as stage:
        account = Account(stage.environment)
        base = network.build(stage.environment, stack="torture")
        client = await Client.connect(stage.temporal_address)
        stacks = Stacks(home / "stacks.toml")
        made = [
            Lane(number, stage, client, account, base, stacks, strategy)
            for number in range(1, count + 1)
        ]
        await asyncio.gather(*(lane.start_worker() for lane in made))
        await asyncio.gather(*(_prepare(lane) for lane in made[: count - unprepared]))
        yield stage, made


async def _prepare(lane: Lane) -> None:
    for _ in range(2):
        ended = await lane.ending(await lane.release(lane.new_tag()))
        if ended != "Completed":
            raise RuntimeError(f"{lane.name} could not be prepared: its release ended as {ended}")
