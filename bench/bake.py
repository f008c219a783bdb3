"""
`make bench-bake`: what one bake costs with no delays in the cloud: native, Packer through Ovenbird, and plain Packer for scale.

Plain Packer does what a team's own template would: a temporary key pair and security group of its own, a clone of the tag, an image.
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

from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from demo import infrastructure
from demo.account import Account, aws_calls
from demo.example import Repository
from demo.infrastructure import Infrastructure
from demo.processes import Stage

ROUNDS = 3
Cost = tuple[float, list[str]]


def main() -> None:
    if shutil.which("packer") is None:
        sys.exit("there is no packer on the PATH; Debian has it: apt-get install packer")
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
    """Each builder's rounds, after one that is not counted: what is read for the first time is read from the disk."""
    home = Path(tempfile.mkdtemp(prefix="bench-"))
    with Stage(home, cloud=("--no-delays",)) as stage:
        account = Account(stage.environment)
        built = infrastructure.build(stage.environment)
        repository = Repository(home / "repository")
        text = "\n".join(
            built.stack(
                builder,
                repository.url,
                application=builder,
                bake="verify = false\n" + infrastructure.built_with(builder, stage.environment),
                timeouts="first_poll = 0.1\npoll = 0.2\nconfirm = 0.1\nhealthy = 60\nsoak = 0.1\ndrain = 60",
            )
            for builder in ("native", "packer")
        )
        (home / "stacks.toml").write_text(text)
        stage.start_worker()
        client = await Client.connect(stage.temporal_address)
        found: dict[str, list[Cost]] = {"native": [], "packer": [], "plain Packer": []}
        for number in range(ROUNDS + 1):
            tag = f"v{number}"
            repository.release(tag)
            for builder, rounds in found.items():
                account.forget_calls()
                started = time.monotonic()
                if builder == "plain Packer":
                    await asyncio.to_thread(plain, stage, built, repository, tag)
                else:
                    handle = await client.start_workflow(
                        "ImageWorkflow",
                        {"stack": builder, "tag": tag},
                        id=f"image-{builder}-{tag}",
                        task_queue="ovenbird",
                    )
                    await handle.result()
                if number:
                    rounds.append((time.monotonic() - started, aws_calls(account.calls())))
        return found


def plain(stage: Stage, built: Infrastructure, repository: Repository, tag: str) -> None:
    environment = stage.environment
    template = stage.home / f"plain-{tag}.json"
    template.write_text(
        json.dumps(
            {
                "builders": [
                    {
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
                ],
                "provisioners": [
                    {
                        "type": "shell",
                        "remote_folder": ".",
                        "inline": [
                            f"git clone --quiet --depth 1 --branch {tag} {repository.url} $DESTDIR/srv/app"
                        ],
                    }
                ],
            }
        )
    )
    # As Ovenbird has it: Packer looks at the image once a second.
    quick = {"CHECKPOINT_DISABLE": "1", "AWS_POLL_DELAY_SECONDS": "1", "AWS_MAX_ATTEMPTS": "300"}
    done = subprocess.run(
        ["packer", "build", str(template)],
        env=os.environ | environment | quick,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"plain Packer failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
