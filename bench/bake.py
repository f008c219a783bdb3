"""
`make bench-bake`: what one bake costs, native, with Packer through Ovenbird, with plain Packer.

The cloud has no delays. Plain Packer does what a team's own template does: a temporary key pair and
security group, a clone of the tag, an image.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from demo import network
from demo.account import Account, aws_calls
from demo.example import Repository
from demo.infrastructure import Infrastructure, built_with
from demo.processes import Stage

ROUNDS = 3
PLAIN = "plain Packer"
TIMEOUTS = "first_poll = 0.1\npoll = 0.2\nconfirm = 0.1\nhealthy = 60\nsoak = 0.1\ndrain = 60"
# Seconds and the names of the calls.
Cost = tuple[float, list[str]]


def main() -> None:
    if shutil.which("packer") is None:
        sys.exit("there is no packer on the PATH. On Debian: apt-get install packer")
    table = Table(title=f"One bake, no delays, the median of {ROUNDS}", title_justify="left")
    for title in ("builder", "seconds", "AWS API calls", "which"):
        table.add_column(title, justify="left" if title in ("builder", "which") else "right")
    for builder, rounds in asyncio.run(measure()).items():
        calls = sorted(rounds, key=lambda one: len(one[1]))[len(rounds) // 2][1]
        which = ", ".join(f"{action} {count}" for action, count in Counter(calls).most_common())
        table.add_row(
            builder,
            f"{statistics.median(seconds for seconds, _ in rounds):.2f}",
            str(len(calls)),
            which,
        )
    Console(width=160).print(table)


async def measure() -> dict[str, list[Cost]]:
    """The rounds of each builder, without a first round: it reads everything from the disk."""
    home = Path(tempfile.mkdtemp(prefix="bench-"))
    with Stage(home, cloud=("--no-delays",)) as stage:
        account = Account(stage.environment)
        built = network.build(stage.environment)
        repository = Repository(home / "repository")
        (home / "stacks.toml").write_text(_stacks(stage, built, repository))
        stage.start_worker()
        client = await Client.connect(stage.temporal_address)
        found: dict[str, list[Cost]] = {"native": [], "packer": [], PLAIN: []}
        for number in range(ROUNDS + 1):
            tag = f"v{number}"
            repository.release(tag)
            for builder, rounds in found.items():
                account.forget_calls()
                started = time.monotonic()
                if builder == PLAIN:
                    await asyncio.to_thread(bake_with_plain_packer, stage, built, repository, tag)
                else:
                    await bake(client, builder, tag)
                if number:
                    rounds.append((time.monotonic() - started, aws_calls(account.calls())))
        return found


def _stacks(stage: Stage, built: Infrastructure, repository: Repository) -> str:
    return "\n".join(
        built.stack(
            builder,
            repository.url,
            application=builder,
            bake="verify = false\n" + built_with(builder, stage.environment),
            timeouts=TIMEOUTS,
        )
        for builder in ("native", "packer")
    )


async def bake(client: Client, stack: str, tag: str) -> None:
    handle = await client.start_workflow(
        "ImageWorkflow",
        {"stack": stack, "tag": tag},
        id=f"image-{stack}-{tag}",
        task_queue="ovenbird",
    )
    await handle.result()


def bake_with_plain_packer(
    stage: Stage, built: Infrastructure, repository: Repository, tag: str
) -> None:
    template = stage.home / f"plain-{tag}.json"
    template.write_text(json.dumps(_template(stage.environment, built, repository, tag)))
    # As Ovenbird sets it: Packer looks at the image once a second.
    settings = {"CHECKPOINT_DISABLE": "1", "AWS_POLL_DELAY_SECONDS": "1", "AWS_MAX_ATTEMPTS": "300"}
    done = subprocess.run(
        ["packer", "build", str(template)],
        env=os.environ | stage.environment | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"plain Packer failed:\n{done.stdout}{done.stderr}")


def _template(
    environment: dict[str, str], built: Infrastructure, repository: Repository, tag: str
) -> dict[str, Any]:
    clone = f"git clone --quiet --depth 1 --branch {tag} {repository.url} $DESTDIR/srv/app"
    builder = {
        "type": "amazon-ebs",
        "region": built.region,
        "custom_endpoint_ec2": environment["AWS_ENDPOINT_URL"],
        "skip_region_validation": True,
        "skip_metadata_api_check": True,
        "source_ami": built.base_image,
        "instance_type": "t3.micro",
        "subnet_id": built.subnets[0],
        "vpc_id": built.vpc,
        "ami_name": f"plain-{tag}",
        "ssh_username": "ec2-user",
        "ssh_interface": "private_ip",
        "ssh_port": environment["LOCALCLOUD_SSH_PORT"],
    }
    provisioner = {"type": "shell", "remote_folder": ".", "inline": [clone]}
    return {"builders": [builder], "provisioners": [provisioner]}


if __name__ == "__main__":
    main()
