"""
`make bench`: what one release costs with the image baked and no delays in the cloud.

The calls are counted in the request record of the local cloud; the seconds are measured from the
outside. "Cloud" is how long the same launch takes without any orchestration: bare boto3 creates and
attaches a group of that size, and waits until every target is healthy.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from temporalio.client import Client, WorkflowFailureError

from demo import network
from demo.account import Account, aws_calls
from demo.balancers import BALANCERS, add_balancer
from demo.example import Repository
from demo.infrastructure import Infrastructure
from demo.processes import Stage

STRATEGIES = ("attach", "weighted", "classic")
ROUNDS = 3
TIMEOUTS = "first_poll = 0.4\npoll = 1\nconfirm = 0.05\nhealthy = 300\nsoak = 0\ndrain = 60"
# The budget holds up to this size. A laptop boots two hundred instances for many seconds, and then
# the number of looks depends on the laptop.
SMALLEST, LARGEST = 2, 20
# The four calls of the pre-flight checks are among them.
# With weights, the rules are read anew before each call that takes something away, and at the end:
# docs/decisions/0012-the-last-look-and-the-seen-ending.md.
BUDGET_CALLS, BUDGET_MORE, BUDGET_SECONDS = {"attach": 40, "weighted": 53, "classic": 40}, 3, 1.2
HEADINGS = (
    "strategy",
    "instances",
    "API calls",
    "seconds",
    "of these the cloud's own",
    "over the cloud",
    "per call: most",
)


def main() -> None:
    table = Table(
        title="One release: image baked, one deployment pruned with its image, no delays",
        title_justify="left",
    )
    for heading in HEADINGS:
        table.add_column(heading)
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2, 20], help="instances")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    kept = True
    for strategy, size in itertools.product(STRATEGIES, chosen.sizes):
        calls, seconds, own, actions = asyncio.run(measure(strategy, size, chosen.rounds))
        over = seconds - own
        allowed = BUDGET_CALLS[strategy] + (BUDGET_MORE if size > SMALLEST else 0)
        kept &= size > LARGEST or (calls <= allowed and over <= BUDGET_SECONDS)
        most = ", ".join(f"{action} {count}" for action, count in actions.most_common(3))
        table.add_row(
            strategy, str(size), str(calls), f"{seconds:.2f}", f"{own:.2f}", f"{over:.2f}", most
        )
    console = Console(width=150)
    console.print(table)
    budget = (
        f"{BUDGET_CALLS} calls at {SMALLEST} instances, {BUDGET_MORE} more at {LARGEST}, "
        f"{BUDGET_SECONDS} s over the cloud's own time"
    )
    console.print(f"budget: {budget}: {'kept' if kept else 'BROKEN'}")
    raise SystemExit(0 if kept else 1)


async def measure(strategy: str, size: int, count: int) -> tuple[int, float, float, Counter[str]]:
    """Calls of the median round, median seconds, median of the cloud's own time."""
    home = Path(tempfile.mkdtemp(prefix="bench-"))
    with Stage(home, cloud=("--no-delays",)) as stage:
        account = Account(stage.environment)
        base = network.build(stage.environment)
        repository = Repository(home / "repository")
        (home / "stacks.toml").write_text(_stacks(stage, base, repository, strategy, size))
        stage.start_worker()
        client = await Client.connect(stage.temporal_address)
        tags = [f"v{number}" for number in range(count + 2)]
        for tag in tags:
            repository.release(tag)
            await bake(client, tag)
        for tag in tags[:2]:
            await release(client, tag)
        rounds, own = [], []
        for number in range(count):
            rounds.append(await _round(client, account, tags[number + 2]))
            own.append(bare_launch(account, base, size, number))
        seconds, actions = sorted(rounds)[count // 2]
        return len(actions), seconds, statistics.median(own), Counter(actions)


def _stacks(
    stage: Stage, base: Infrastructure, repository: Repository, strategy: str, size: int
) -> str:
    """The stack that is measured, and a second one that bakes its images beforehand."""
    build = BALANCERS[strategy]
    measured = (
        base
        if strategy == "attach"
        else build(stage.environment, base, f"demo-{strategy}", port=8002)
    )
    # A classic balancer does not count requests per target.
    requests = "" if strategy == "classic" else ', { metric = "requests", target = 1000 }'
    shared = {"timeouts": TIMEOUTS, "retention": "deployments = 2"}
    bakery = add_balancer(stage.environment, base, "bakery", port=8001)
    return measured.stack(
        "demo",
        repository.url,
        **shared,
        capacity=f"min = {size}\nmax = {size * 2}",
        top=f'scaling = [{{ metric = "cpu", target = 50 }}{requests}]',
        load_balancer="steps = [100]\n" if strategy == "weighted" else "",
    ) + bakery.stack(
        "bakery",
        repository.url,
        **shared,
        capacity="min = 0\nmax = 1\ndesired = 0",
        top="approval = true",
        bake="verify = false",
    )


async def _round(client: Client, account: Account, tag: str) -> tuple[float, list[str]]:
    """Seconds and the names of the calls of one release."""
    account.forget_calls()
    started = time.monotonic()
    status = await release(client, tag)
    seconds = time.monotonic() - started
    actions = aws_calls(account.calls())
    if os.environ.get("BENCH_VERBOSE"):
        bullets = [
            (bullet["text"][:30], bullet["started"][14:23], (bullet["ended"] or "")[14:23])
            for bullet in status["bullets"]
            if bullet["started"]
        ]
        print(actions, bullets)
    return seconds, actions


async def release(client: Client, tag: str) -> Any:
    request = {"stack": "demo", "tag": tag}
    handle = await client.start_workflow(
        "ReleaseWorkflow", request, id="release-demo", task_queue="ovenbird"
    )
    await handle.result()
    return await handle.query("status")


async def bake(client: Client, tag: str) -> None:
    """By the second stack. Its release is aborted at the approval, so that it never serves."""
    handle = await client.start_workflow(
        "ReleaseWorkflow",
        {"stack": "bakery", "tag": tag},
        id="release-bakery",
        task_queue="ovenbird",
    )
    while not (await handle.query("status"))["waiting_for"]:
        await asyncio.sleep(0.1)
    await handle.signal("abort_and_roll_back")
    with contextlib.suppress(WorkflowFailureError):
        await handle.result()


def bare_launch(account: Account, built: Infrastructure, size: int, number: int) -> float:
    """Seconds from the new group to its last healthy target, and from size zero to empty."""
    group, arn = f"bare-{number}", built.target_group_arn
    template = account.ec2.describe_launch_templates()["LaunchTemplates"][0]["LaunchTemplateName"]
    started = time.monotonic()
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=group,
        LaunchTemplate={"LaunchTemplateName": template, "Version": "1"},
        MinSize=size,
        MaxSize=size,
        DesiredCapacity=size,
        VPCZoneIdentifier=",".join(built.subnets),
        TargetGroupARNs=[arn],
        HealthCheckType="ELB",
        HealthCheckGracePeriod=60,
    )
    until(lambda: healthy(account, arn, group) == size)
    account.autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=group, MinSize=0, DesiredCapacity=0
    )
    until(lambda: not account.groups(group)[0]["Instances"])
    seconds = time.monotonic() - started
    account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=group)
    return seconds


def healthy(account: Account, arn: str, group: str) -> int:
    members = {instance["InstanceId"] for instance in account.groups(group)[0]["Instances"]}
    targets = account.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return sum(
        t["TargetHealth"]["State"] == "healthy" and t["Target"]["Id"] in members for t in targets
    )


def until(check: Any) -> None:
    while not check():
        time.sleep(0.02)


if __name__ == "__main__":
    main()
