"""A release that began under the last released version goes on under this one: it replays."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from worker import WORKFLOWS
from workflows.contract import WORKER_CONVERTER

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json.gz"))
WANTED = {
    "adopt",
    "bake-aborted",
    "bake-native",
    "bake-packer",
    "candidates",
    "diff",
    "doctor",
    "history",
    "image",
    "plan",
    "prune",
    "prune-aborted",
    "prune-plan",
    "release-aborted-while-it-bakes",
    "release-approved-by-signal",
    "release-approved-by-update",
    "release-attach",
    "release-attach-aborted",
    "release-cancelled",
    "release-classic",
    "release-classic-aborted",
    "release-continues-as-new",
    "release-first-deployment",
    "release-is-paused",
    "release-paused-and-resumed",
    "release-refused",
    "release-waits-for-approval",
    "release-was-continued",
    "release-was-continued-and-aborted",
    "release-weighted",
    "release-weighted-aborted",
    "rollback-aborted",
    "rollback-launched-again",
    "rollback-woken",
    "sweep",
    "sweep-dry-run",
    "sweep-of-a-stack",
    "sweep-of-a-stack-aborted",
    "sweep-whose-stack-was-aborted",
    "unknown-type",
}


def test_every_kind_of_run_has_a_history() -> None:
    assert {path.name.removesuffix(".json.gz") for path in HISTORIES} >= WANTED


def read(path: Path) -> WorkflowHistory:
    saved = json.loads(gzip.decompress(path.read_bytes()))
    # The id is the stack's lock: under any other one a release is refused.
    return WorkflowHistory.from_json(
        saved["events"][0]["workflowExecutionStartedEventAttributes"]["workflowId"], saved
    )


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.name.removesuffix(".json.gz"))
async def test_a_saved_history_replays(path: Path) -> None:
    history = read(path)
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=WORKER_CONVERTER,
        # The sandbox would load all modules anew for each history.
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    await replayer.replay_workflow(history)
