"""
`make bench-many`: what one worker does when many releases begin in one moment.

Each release makes the first deployment of a stack of its own, from one image, with no instances:
the load is the worker's, Temporal's and the cloud's calls, and not that of booting machines.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from temporalio.api.enums.v1 import EventType, TimeoutType
from temporalio.client import Client, WorkflowHistory

from bench.release import bake
from demo import network
from demo.balancers import add_balancer
from demo.example import Repository
from demo.infrastructure import Infrastructure
from demo.processes import Stage

RELEASES = 200
TIMEOUTS = "first_poll = 0.3\npoll = 2\nconfirm = 0.3\nhealthy = 300\nsoak = 0\ndrain = 60"
# Releases a second, heartbeat time-outs, and megabytes of memory of the worker at its peak.
BUDGET_RATE, BUDGET_TIMEOUTS, BUDGET_MEMORY = 3.0, 0, 300.0
STARTED, SCHEDULED = (
    EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
)


@dataclass
class Seen:
    """Of all histories: seconds from the scheduling to the start of each first attempt; bytes."""

    waits: list[float] = field(default_factory=list)
    heartbeats: int = 0
    late: int = 0
    tasks: int = 0
    size: int = 0

    def add(self, history: WorkflowHistory) -> None:
        scheduled: dict[int, datetime] = {}
        for event in history.events:
            self.size += event.ByteSize()
            self.tasks += event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
            if event.event_type == SCHEDULED:
                scheduled[event.event_id] = event.event_time.ToDatetime()
            if event.event_type != STARTED:
                continue
            attributes = event.activity_task_started_event_attributes
            if attributes.attempt == 1:
                began = scheduled[attributes.scheduled_event_id]
                self.waits.append((event.event_time.ToDatetime() - began).total_seconds())
            elif attributes.last_failure.HasField("timeout_failure_info"):
                kind = attributes.last_failure.timeout_failure_info.timeout_type
                self.heartbeats += kind == TimeoutType.TIMEOUT_TYPE_HEARTBEAT
                self.late += kind != TimeoutType.TIMEOUT_TYPE_HEARTBEAT


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-many", description=__doc__)
    parser.add_argument("--releases", type=int, default=RELEASES)
    raise SystemExit(0 if asyncio.run(measure(parser.parse_args().releases)) else 1)


async def measure(count: int) -> bool:
    """Is the budget kept?"""
    home = Path(tempfile.mkdtemp(prefix="bench-"))
    with Stage(home, cloud=("--no-delays",)) as stage:
        base = network.build(stage.environment)
        repository = Repository(home / "repository")
        (home / "stacks.toml").write_text("".join(_stacks(stage, base, repository, count)))
        worker = stage.start_worker()
        client = await Client.connect(stage.temporal_address)
        repository.release("v1")
        await bake(client, "v1")
        began, before = time.monotonic(), _processor_times(stage)
        await asyncio.gather(*(_release(client, f"many{number}") for number in range(count)))
        seconds = time.monotonic() - began
        memory, after = _peak(worker.popen.pid), _processor_times(stage)
        seen = Seen()
        for number in range(count):
            handle = client.get_workflow_handle(f"release-many{number}")
            seen.add(await handle.fetch_history())
    return _report(
        count, seconds, memory, {name: after[name] - before[name] for name in after}, seen
    )


def _stacks(
    stage: Stage, base: Infrastructure, repository: Repository, count: int
) -> Iterator[str]:
    for name in ("bakery", *(f"many{number}" for number in range(count))):
        port = 9000 + (int(name[4:]) if name != "bakery" else count)
        built = add_balancer(stage.environment, base, name, port=port)
        yield built.stack(
            name,
            repository.url,
            timeouts=TIMEOUTS,
            capacity="min = 0\nmax = 1\ndesired = 0",
            top="approval = true" if name == "bakery" else "",
            bake="verify = false",
        )


async def _release(client: Client, stack: str) -> None:
    request = {"stack": stack, "tag": "v1"}
    await client.execute_workflow(
        "ReleaseWorkflow", request, id=f"release-{stack}", task_queue="ovenbird"
    )


def _peak(process: int) -> float:
    """Megabytes. https://man7.org/linux/man-pages/man5/proc_pid_status.5.html"""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _processor_times(stage: Stage) -> dict[str, float]:
    """Seconds. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    processes = {
        "the worker": stage.workers[0],
        "the local cloud": stage.cloud,
        "Temporal": stage.temporal,
    }
    second, found = os.sysconf("SC_CLK_TCK"), {}
    for name, process in processes.items():
        fields = Path(f"/proc/{process.popen.pid}/stat").read_text().rpartition(")")[2].split()
        found[name] = (int(fields[11]) + int(fields[12])) / second
    return found


def _report(count: int, seconds: float, memory: float, spent: dict[str, float], seen: Seen) -> bool:
    rate, p95 = count / seconds, statistics.quantiles(seen.waits, n=20)[-1]
    kept = rate >= BUDGET_RATE and seen.heartbeats <= BUDGET_TIMEOUTS and memory <= BUDGET_MEMORY
    used = ", ".join(f"{each / count:.2f} s of {name}" for name, each in spent.items())
    print(
        f"{count} releases in {seconds:.1f} s: {rate:.2f} a second; heartbeat time-outs: "
        f"{seen.heartbeats}, other time-outs: {seen.late}; schedule to start: median "
        f"{statistics.median(seen.waits):.2f} s, p95 {p95:.2f} s; the worker's memory at its "
        f"peak: {memory:.0f} MB; a release: {used}; "
        f"{seen.tasks / count:.0f} workflow tasks, {len(seen.waits) / count:.0f} activities, "
        f"{seen.size / count / 1000:.0f} kB"
    )
    print(
        f"budget: {BUDGET_RATE} a second, {BUDGET_TIMEOUTS} heartbeat time-outs, "
        f"{BUDGET_MEMORY:.0f} MB: {'kept' if kept else 'BROKEN'}"
    )
    return kept


if __name__ == "__main__":
    main()
