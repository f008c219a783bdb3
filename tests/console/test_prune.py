"""`ovenbird prune` as a process: what it shows, what it removes, and who may end it early."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain import names
from tests.conftest import StackUnderTest
from tests.console.test_cli import Cli, in_thread
from workflows.contract import TASK_QUEUE, release_id

OLDER = ("v01", "v02", "v03")


def park(stack: StackUnderTest, tag: str) -> None:
    """A deployment that served before: it launches the template of what serves."""
    serving, *_ = stack.groups().values()
    own = {
        names.DEPLOYMENT: (name := f"{stack.name}-{tag}"),
        names.TAG: tag,
        names.STATE: "parked",
        names.SERVED_AT: f"2020-01-{tag[1:]}T00:00:00+00:00",
        names.RESTORE_MIN: "1",
        names.RESTORE_MAX: "2",
        names.RESTORE_DESIRED: "1",
    }
    tags = {each["Key"]: each["Value"] for each in serving["Tags"]} | own
    template = serving["LaunchTemplate"]
    stack.account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={
            "LaunchTemplateName": template["LaunchTemplateName"],
            "Version": template["Version"],
        },
        MinSize=0,
        MaxSize=0,
        DesiredCapacity=0,
        VPCZoneIdentifier=serving["VPCZoneIdentifier"],
        Tags=[{"Key": k, "Value": v, "PropagateAtLaunch": True} for k, v in tags.items()],
    )


async def test_a_prune_shows_and_removes_and_gives_way_to_a_rollback(
    make_stack: Callable[..., StackUnderTest], run_cli: Cli
) -> None:
    stack = make_stack(retention="deployments = 2")
    stack.repository.release("v1")
    await stack.release("v1")
    for tag in OLDER:
        park(stack, tag)

    dry = await in_thread(run_cli, "prune", stack.name, "--dry-run")

    assert dry.returncode == 0, dry.stderr
    rows = [line.split("\t") for line in dry.stdout.splitlines()]
    assert [(row[0], row[3], row[5]) for row in rows if row[1:2] == ["deployment"]] == [
        ("stays", "v1", "it serves"),
        ("stays", "v03", "it is one of the last 2 that served"),
        ("goes", "v02", "2 others have served after it"),
        ("goes", "v01", "2 others have served after it"),
    ]
    assert "This was a dry run" in dry.stdout
    assert stack.groups().keys() == {"v1", *OLDER}

    await prune_and_roll_back(stack, run_cli)

    done = await in_thread(run_cli, "prune", stack.name)
    assert done.returncode == 0, done.stderr
    assert f"gone\tdeployment\t{stack.name}-v02" in done.stdout
    assert stack.groups().keys() == {"v1", "v03"}
    watched = await in_thread(run_cli, "watch", stack.name)
    assert (watched.returncode, watched.stdout.splitlines()[-1]) == (
        0,
        done.stdout.splitlines()[-1],
    )
    status = await in_thread(run_cli, "status", stack.name)
    assert f"prune → {stack.name}  pruned" in status.stdout


async def prune_and_roll_back(stack: StackUnderTest, run_cli: Cli) -> None:
    """The prune waits, paused, when the rollback asks for the lock."""
    prune: Any = await stack.theatre.client.start_workflow(
        "PruneWorkflow",
        {"stack": stack.name, "requested_by": "ann"},
        id=release_id(stack.name),
        task_queue=TASK_QUEUE,
        start_signal="pause",
        start_signal_args=[{"by": "ann"}],
    )
    await stack.until(lambda status: bool(status["paused"]) and status["phase"] == "pruning")
    shown = await in_thread(run_cli, "status")
    assert f"{stack.name}\t-\tpruning" in shown.stdout
    locked = await in_thread(run_cli, "release", stack.name, "v1")
    assert locked.returncode == 2
    assert "old deployments are being pruned by ann" in locked.stderr

    back = await in_thread(run_cli, "rollback", stack.name, "--to", "v03")

    assert back.returncode == 0, back.stderr
    assert "a prune holds the lock, and is aborted" in back.stderr
    assert f"{stack.name} serves v03" in back.stdout
    assert "a rollback needs the lock" in (await stack.fails(prune)).message
