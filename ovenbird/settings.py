"""
What the environment says to the worker and the command.

Temporal's own settings and the AWS credentials come as those two always take them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ovenbird.installation import ROOT
from workflows.contract import TASK_QUEUE


def stacks_file() -> Path:
    return Path(os.environ.get("OVENBIRD_STACKS", ROOT / "deploy/stacks.toml"))


def recipe_directory() -> Path:
    return Path(os.environ.get("OVENBIRD_RECIPE", ROOT / "packer"))


def task_queue() -> str:
    return os.environ.get("OVENBIRD_TASK_QUEUE", TASK_QUEUE)


@dataclass(frozen=True)
class Settings:
    """Of a worker. `deployment` and `build_id` switch worker versioning on (CONTRIBUTING.md)."""

    stacks: Path = field(default_factory=stacks_file)
    recipe: Path = field(default_factory=recipe_directory)
    task_queue: str = field(default_factory=task_queue)
    deployment: str | None = field(
        default_factory=lambda: os.environ.get("TEMPORAL_DEPLOYMENT_NAME")
    )
    build_id: str | None = field(default_factory=lambda: os.environ.get("TEMPORAL_WORKER_BUILD_ID"))
