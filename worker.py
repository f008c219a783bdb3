"""
The composition root: settings → AWS clients → activities → Temporal worker.

Run as many workers as you like, on any machine; each may die at any instant.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.attempts import AttemptInterceptor
from activities.aws import Aws
from activities.bakes import Bakes
from activities.balancers import Balancers
from activities.builders import Builders
from activities.checks import Checks
from activities.configuration import Configuration, read_stacks
from activities.delivery import Delivery
from activities.expected import ExpectedInterceptor
from activities.fleets import Fleets
from activities.groups import Groups
from activities.heartbeat import HeartbeatInterceptor
from activities.hooks import Hooks
from activities.images import Images
from activities.inventory import Inventories
from activities.manifests import Manifests
from activities.metrics import Metrics
from activities.observer import Observer
from activities.packer import Packer
from activities.preflight import Preflight
from activities.provisioning import Provisioning
from activities.recipe import Recipe
from activities.rules import Rules
from activities.schedules import Schedules
from activities.source import Source
from activities.templates import Templates
from console.codes import FAILED
from console.ending import leave
from domain.errors import InvalidConfiguration
from ovenbird.logs import configure_logging
from ovenbird.search_attributes import ensure_search_attributes
from ovenbird.settings import Settings
from workflows.adopt import AdoptWorkflow
from workflows.bake import BakeWorkflow
from workflows.contract import WORKER_CONVERTER
from workflows.image import ImageWorkflow
from workflows.prune import PrunePlanWorkflow, PruneWorkflow
from workflows.reading import (
    CandidatesWorkflow,
    DiffWorkflow,
    DoctorWorkflow,
    HistoryWorkflow,
    PlanWorkflow,
)
from workflows.release import ReleaseWorkflow
from workflows.rollback import RollbackWorkflow
from workflows.sweep import SweepStackWorkflow, SweepWorkflow
from workflows.unknown import UnknownWorkflow
from workflows.updates import WithoutLargeUpdates

WORKFLOWS = [
    ReleaseWorkflow,
    RollbackWorkflow,
    BakeWorkflow,
    ImageWorkflow,
    SweepWorkflow,
    SweepStackWorkflow,
    PlanWorkflow,
    HistoryWorkflow,
    CandidatesWorkflow,
    DoctorWorkflow,
    DiffWorkflow,
    AdoptWorkflow,
    PruneWorkflow,
    PrunePlanWorkflow,
    UnknownWorkflow,
]
PARTS = (
    "admission",
    "chain",
    "checklist",
    "continuing",
    "contract",
    "failures",
    "handlers",
    "inquiries",
    "ledger",
    "notes",
    "operator",
    "parsing",
    "parts",
    "policies",
    "replies",
    "run",
    "steps",
    "updates",
    "way_back",
    "world",
)
SANDBOX = SandboxRestrictions.default.with_passthrough_modules(
    "activities",
    "domain",
    "pydantic",
    "structlog",
    # What workflows are made of is loaded once, and not for every run: that took 60 ms and 1 MB a
    # run. The modules that define workflows are loaded in the sandbox.
    *(f"workflows.{part}" for part in PARTS),
)
# As many slots as threads: an activity that waited for a thread would time out before it began.
SLOTS = 20
WORKFLOW_TASKS = 10
SHUTDOWN_GRACE = timedelta(seconds=15)
log = structlog.get_logger("ovenbird.worker")


def make_worker(client: Client, settings: Settings) -> Worker:
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=WORKFLOWS,
        activities=make_activities(client, settings),
        activity_executor=ThreadPoolExecutor(SLOTS),
        max_concurrent_activities=SLOTS,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS,
        interceptors=[HeartbeatInterceptor(), ExpectedInterceptor(), AttemptInterceptor()],
        graceful_shutdown_timeout=SHUTDOWN_GRACE,
        deployment_config=versioning(settings),
        # A workflow that a killed worker had cached waits this long for that worker.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        max_heartbeat_throttle_interval=timedelta(seconds=1),
        default_heartbeat_throttle_interval=timedelta(seconds=1),
        workflow_runner=WithoutLargeUpdates(SandboxedWorkflowRunner(restrictions=SANDBOX)),
    )


def make_activities(client: Client, settings: Settings) -> list[Callable[..., Any]]:
    aws, recipe = Aws(), Recipe(settings.recipe)
    source = Source(aws, recipe.directory / "tools")
    holders = [
        Configuration(settings.stacks),
        source,
        Images(aws),
        Delivery(aws),
        Builders(aws),
        Provisioning(aws, recipe),
        Packer(aws, client, recipe),
        Templates(aws),
        Groups(aws),
        Fleets(aws),
        Balancers(aws),
        Observer(aws),
        Bakes(client),
        Inventories(aws, client),
        Checks(aws, source),
        Manifests(aws),
        Rules(aws),
        Metrics(aws),
        Hooks(aws),
        Preflight(aws),
        Schedules(aws),
    ]
    return [
        method
        for holder in holders
        for name in dir(holder)
        if hasattr(method := getattr(holder, name), "__temporal_activity_definition")
    ]


def versioning(settings: Settings) -> WorkerDeploymentConfig | None:
    """
    A release that waits for days moves to the version that is current when it goes on.

    Pinned to the version that began it, it would hang once that version's last worker is gone.
    """
    if bool(settings.deployment) != bool(settings.build_id):
        sys.exit(
            "TEMPORAL_DEPLOYMENT_NAME and TEMPORAL_WORKER_BUILD_ID go together:"
            " set both, or neither"
        )
    if not (settings.deployment and settings.build_id):
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.deployment, settings.build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


async def connect(address: str, settings: dict[str, Any]) -> Client:
    try:
        return await Client.connect(
            **{"target_host": address} | settings, data_converter=WORKER_CONVERTER
        )
    except RuntimeError as error:
        sys.exit(
            f"no Temporal server answers at {address}: {error}\n"
            "set TEMPORAL_ADDRESS or TEMPORAL_PROFILE, or start one"
        )


async def run(settings: Settings) -> None:
    temporal: dict[str, Any] = {**ClientConfig.load_client_connect_config()}
    address = temporal.get("target_host") or "localhost:7233"
    try:
        stacks = read_stacks(settings.stacks)
    except InvalidConfiguration as error:
        sys.exit(str(error))
    client = await connect(address, temporal)
    await ensure_search_attributes(client)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with make_worker(client, settings):
        log.info(
            "worker is up", temporal=address, task_queue=settings.task_queue, stacks=sorted(stacks)
        )
        await stop.wait()
        log.info(
            "worker is stopping: calls in flight end first",
            grace_seconds=SHUTDOWN_GRACE.total_seconds(),
        )


def main() -> None:
    configure_logging()
    try:
        asyncio.run(run(Settings()))
    except SystemExit as refusal:
        # Like any short-lived client, it may crash when the interpreter ends.
        print(refusal.code, file=sys.stderr)
        leave(FAILED)


if __name__ == "__main__":
    main()
