"""`make histories`: plays what can be under way when a new version comes, and saves each history for the replay tests."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

from bench.torture import stage
from bench.torture.lane import Lane
from demo.processes import ROOT

TARGET = ROOT / "tests/workflows/histories"


def main() -> None:
    random.seed(1)
    home = Path(tempfile.mkdtemp(prefix="histories-"))
    asyncio.run(record(home))
    shutil.rmtree(home)


async def record(home: Path) -> None:
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir()
    async with stage.lanes(home, 1) as (_, (lane,)):
        await _save(lane, "release", f"release-{lane.name}")
        await _save(lane, "bake", await _newest(lane, "BakeWorkflow"))
        handle = await lane.rollback()
        await lane.ending(handle)
        await _save(lane, "rollback", handle.id)
        lane.set_soak(60)
        for name, ready in (
            ("watched-then-aborted", _alone),
            ("paused", lambda status: status.get("phase") == "waiting_healthy"),
        ):
            handle = await lane.release(lane.new_tag())
            await _until(lane, handle, ready)
            if name == "paused":
                await lane.signal(handle, "pause")
                await _until(lane, handle, lambda status: bool(status.get("paused")))
                await _save(lane, name, handle.id)
            await lane.signal(handle, "abort_and_roll_back")
            await lane.ending(handle)
            if name != "paused":
                await _save(lane, name, handle.id)
        lane.set_soak(0.3, approval=True)
        handle = await lane.release(lane.new_tag())
        await _until(lane, handle, lambda status: bool(status.get("waiting_for")))
        await _save(lane, "waits-for-approval", handle.id)
        await handle.terminate()
        sweep = await lane.client.start_workflow(
            "SweepWorkflow",
            {"dry_run": False, "stack": lane.name},
            id="sweep",
            task_queue=lane.name,
        )
        await sweep.result()
        await _save(lane, "sweep", "sweep")
        await _save(lane, "sweep-of-a-stack", f"release-{lane.name}")
        refused = await lane.release("no-such-tag")
        await lane.ending(refused)
        await _save(lane, "refused", refused.id)


def _alone(status: dict[str, Any]) -> bool:
    return (
        status.get("phase") == "watching" and (status.get("blue") or {}).get("in_balancer") is False
    )


async def _until(lane: Lane, handle: Any, ready: Any) -> None:
    while not ready(await lane.status(handle)):
        await asyncio.sleep(0.02)


async def _newest(lane: Lane, kind: str) -> str:
    while True:
        async for run in lane.client.list_workflows(f"WorkflowType = '{kind}'"):
            return run.id
        await asyncio.sleep(0.1)


async def _save(lane: Lane, name: str, workflow_id: str) -> None:
    history = await lane.client.get_workflow_handle(workflow_id).fetch_history()
    path = TARGET / f"{name}.json.gz"
    # Without a time in the archive, the same history is the same file.
    path.write_bytes(
        gzip.compress(json.dumps(_anonymous(json.loads(history.to_json()))).encode(), mtime=0)
    )
    print(f"{path.relative_to(ROOT)}: {len(history.events)} events")


def _anonymous(value: Any) -> Any:
    """A replay needs neither where the code lay nor which process ran it; a repository should not have it."""
    if isinstance(value, dict):
        return {
            key: "" if key in ("stackTrace", "identity") else _anonymous(inner)
            for key, inner in value.items()
        }
    return [_anonymous(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
