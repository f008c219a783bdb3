"""The worker: settings → AWS clients → activities → Temporal. Run as many as you like, anywhere; each may die at any instant."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog
from temporalio import activity, workflow
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError
from temporalio.worker import Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.aws import Aws
from activities.bakes import Bakes
from activities.balancers import Balancers
from activities.builders import Builders
from activities.checks import Checks
from activities.configuration import Configuration, read_stacks
from activities.delivery import Delivery
from activities.fleets import Fleets
from activities.groups import Groups
from activities.heartbeat import HeartbeatInterceptor
from activities.hooks import Hooks
from activities.images import Images
from activities.inventory import Inventories
from activities.manifests import Manifests
from activities.metrics import Metrics
from activities.packer import Packer
from activities.preflight import Preflight
from activities.provisioning import Provisioning
from activities.recipe import Recipe
from activities.rules import Rules
from activities.schedules import Schedules
from activities.source import Source
from activities.templates import Templates
from domain.errors import InvalidConfiguration
from workflows.adopt import AdoptWorkflow
from workflows.bake import BakeWorkflow
from workflows.contract import DATA_CONVERTER, SEARCH_ATTRIBUTES, TASK_QUEUE
from workflows.image import ImageWorkflow
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

HERE = Path(__file__).parent
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
]
SANDBOX = SandboxRestrictions.default.with_passthrough_modules(
    "activities", "domain", "pydantic", "structlog"
)
# As many slots as threads: an activity that waits for a thread would run out of its time unseen.
SLOTS = 50
GRACE = timedelta(seconds=15)
RPC_TIMEOUT = timedelta(seconds=10)
log = structlog.get_logger("ovenbird.worker")


@dataclass(frozen=True)
class Settings:
    """From the environment; Temporal's own settings and AWS's credentials come the way those two always take them."""

    stacks: Path = field(
        default_factory=lambda: Path(os.environ.get("OVENBIRD_STACKS", HERE / "deploy/stacks.toml"))
    )
    recipe: Path = field(
        default_factory=lambda: Path(os.environ.get("OVENBIRD_RECIPE", HERE / "packer"))
    )
    # Both or neither: with them the worker takes part in Temporal's worker versioning (CONTRIBUTING.md).
    deployment: str | None = field(
        default_factory=lambda: os.environ.get("TEMPORAL_DEPLOYMENT_NAME")
    )
    build_id: str | None = field(default_factory=lambda: os.environ.get("TEMPORAL_WORKER_BUILD_ID"))
    task_queue: str = field(
        default_factory=lambda: os.environ.get("OVENBIRD_TASK_QUEUE", TASK_QUEUE)
    )


def versioning(settings: Settings) -> WorkerDeploymentConfig | None:
    """
    A release may wait for days: it moves on to the version that is current then, which replays what the old one did.

    Pinned to the version that began it, it would hang once that version's last worker is gone.
    """
    if bool(settings.deployment) != bool(settings.build_id):
        sys.exit(
            "TEMPORAL_DEPLOYMENT_NAME and TEMPORAL_WORKER_BUILD_ID go together: set both, or neither"
        )
    if not (settings.deployment and settings.build_id):
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.deployment, settings.build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


def make_worker(client: Client, settings: Settings) -> Worker:
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
    activities = [
        method
        for holder in holders
        for name in dir(holder)
        if hasattr(method := getattr(holder, name), "__temporal_activity_definition")
    ]
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=WORKFLOWS,
        activities=activities,
        activity_executor=ThreadPoolExecutor(SLOTS),
        max_concurrent_activities=SLOTS,
        interceptors=[HeartbeatInterceptor()],
        graceful_shutdown_timeout=GRACE,
        deployment_config=versioning(settings),
        # After a kill, a workflow that was cached here waits this long before another worker may have it.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        max_heartbeat_throttle_interval=timedelta(seconds=1),
        default_heartbeat_throttle_interval=timedelta(seconds=1),
        workflow_runner=SandboxedWorkflowRunner(restrictions=SANDBOX),
    )


async def ensure_search_attributes(client: Client) -> None:
    """A workflow that writes one that is not registered never gets on. Exits with the command where they cannot be added."""
    wanted = {key.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for key in SEARCH_ATTRIBUTES}
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
        )
        missing = {
            name: kind for name, kind in wanted.items() if name not in known.custom_attributes
        }
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing),
                timeout=RPC_TIMEOUT,
            )
            log.info("added search attributes", names=sorted(missing))
    except RPCError as error:
        flags = " ".join(f"--name {name} --type Keyword" for name in wanted)
        sys.exit(
            f"the search attributes of Ovenbird cannot be checked ({error.message}); register them, then start the worker again:\n"
            f"  temporal operator search-attribute create --namespace {client.namespace} {flags}"
        )


async def run(settings: Settings) -> None:
    connect = ClientConfig.load_client_connect_config()
    address = connect.get("target_host") or "localhost:7233"
    try:
        stacks = read_stacks(settings.stacks)
    except InvalidConfiguration as error:
        sys.exit(str(error))
    try:
        client = await Client.connect(
            **{"target_host": address} | connect, data_converter=DATA_CONVERTER
        )
    except RuntimeError as error:
        sys.exit(
            f"no Temporal server answers at {address}: {error}\nset TEMPORAL_ADDRESS or TEMPORAL_PROFILE, or start one"
        )
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
            "worker is stopping: calls in flight end first", grace_seconds=GRACE.total_seconds()
        )


def configure_logging() -> None:
    """Structured lines on standard error: JSON where nobody looks, readable on a terminal; Temporal's own logs included."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=("temporal_workflow", "temporal_activity")),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    )
    logging.basicConfig(
        handlers=[handler], level=os.environ.get("OVENBIRD_LOG", "INFO").upper(), force=True
    )
    # The details are fields of the line already.
    workflow.logger.workflow_info_on_message = activity.logger.activity_info_on_message = False
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def main() -> None:
    configure_logging()
    asyncio.run(run(Settings()))


if __name__ == "__main__":
    main()
