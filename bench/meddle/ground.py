"""The ground of all runs: one Temporal, one cloud, one worker, and images of every version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client

from bench.meddle.judge import FOREIGN
from bench.meddle.stack import APPLICATION, TASK_QUEUE, Ground, MeddledStack
from bench.runs import Runs, Stacks
from demo import network
from demo.account import Account
from demo.example import Repository
from demo.processes import Stage

VERSIONS = ("v1", "v2")


@asynccontextmanager
async def ground(home: Path) -> AsyncIterator[Ground]:
    """Raises RuntimeError where a version cannot be baked."""
    cloud = ("--no-delays", "--scale", "0.02")
    with Stage(home, cloud=cloud) as stage:
        account = Account(stage.environment)
        base = network.build(stage.environment, stack="ground", port=8090)
        repository = Repository(home / "repository")
        for tag in (*VERSIONS, FOREIGN):
            repository.release(tag)
        client = await Client.connect(stage.temporal_address)
        stacks = Stacks(home / "stacks.toml")
        made = Ground(stage.environment, account, client, base, stacks, repository)
        baker = MeddledStack(made, "ground", "attach", own_images=False)
        baker.infrastructure, baker.api_rule = base, ""
        baker.configure()
        await asyncio.to_thread(
            lambda: stage.start_worker(OVENBIRD_TASK_QUEUE=TASK_QUEUE, AWS_SDK_UA_APP_ID=TASK_QUEUE)
        )
        await asyncio.gather(*(_bake(baker, tag) for tag in (*VERSIONS, FOREIGN)))
        made.foreign_image = await asyncio.to_thread(_foreign_image, account)
        yield made


async def _bake(stack: Runs, tag: str) -> None:
    handle = await stack.start(
        "ImageWorkflow", {"stack": stack.name, "tag": tag}, f"image-{stack.name}-{tag}"
    )
    ended = await stack.ending(handle)
    if ended != "Completed":
        raise RuntimeError(f"{tag} could not be baked: {ended}: {stack.last_words}")


def _foreign_image(account: Account) -> str:
    """Raises RuntimeError where there is none."""
    for image in account.ec2.describe_images(Owners=["self"])["Images"]:
        tags = {one["Key"]: one["Value"] for one in image.get("Tags", [])}
        if (tags.get("ovenbird:application"), tags.get("ovenbird:tag")) == (APPLICATION, FOREIGN):
            return str(image["ImageId"])
    raise RuntimeError(f"there is no image of {FOREIGN}")
