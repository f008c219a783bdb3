"""A real Temporal server, activities in memory, and the promises, asked after every case."""

from __future__ import annotations

import itertools
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from demo.processes import FAST
from domain.config import Stack
from domain.models import State
from tests.workflows.blueprint import balancer, settings, weighted
from tests.workflows.case import Case
from tests.workflows.stacks import activities
from tests.workflows.world import Door, World
from worker import SANDBOX, WORKFLOWS
from workflows.contract import SEARCH_ATTRIBUTES, WORKER_CONVERTER
from workflows.updates import WithoutLargeUpdates

_numbers = itertools.count(1)
MakeCase = Callable[..., Awaitable[Case]]
# Few enough that most releases are continued as new, some of them several times.
FEW_EVENTS = "limit.historyCount.suggestContinueAsNew=45"
# Temporal terminates a run that has more: 51,200 events and 50 MB, if nothing else is set.
MOST_EVENTS, MOST_BYTES = 150, 150_000
LOW_LIMITS = (
    FEW_EVENTS,
    f"limit.historyCount.error={MOST_EVENTS}",
    f"limit.historySize.error={MOST_BYTES}",
)


class Mode(NamedTuple):
    """
    A workflow that is not kept (`kept` is 0) is replayed at each of its tasks, not only once at the
    end of its case. `continued`: Temporal suggests early that it continues as new.
    """

    kept: int
    continued: bool


MODES = [
    pytest.param(Mode(1_000, False), id="cached"),
    pytest.param(Mode(0, False), id="replayed", marks=pytest.mark.replayed),
    pytest.param(Mode(1_000, True), id="continued", marks=pytest.mark.replayed),
]


@asynccontextmanager
async def _server(*dynamic_config: str) -> AsyncIterator[Client]:
    binary = shutil.which("temporal", path=str(Path(sys.executable).parent))
    values = (*FAST, *dynamic_config)
    options = [part for value in values for part in ("--dynamic-config-value", value)]
    async with await WorkflowEnvironment.start_local(
        data_converter=WORKER_CONVERTER,
        search_attributes=SEARCH_ATTRIBUTES,
        dev_server_existing_path=binary,
        dev_server_extra_args=options,
        dev_server_log_level="error",
    ) as environment:
        yield environment.client


@pytest_asyncio.fixture(scope="session")
async def server() -> AsyncIterator[Client]:
    async with _server() as client:
        yield client


@pytest_asyncio.fixture(scope="session")
async def server_that_continues() -> AsyncIterator[Client]:
    async with _server(FEW_EVENTS) as client:
        yield client


@pytest_asyncio.fixture(scope="session")
async def server_with_low_limits() -> AsyncIterator[Client]:
    async with _server(*LOW_LIMITS) as client:
        yield client


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    found: Mode = request.param
    return found


@pytest.fixture
def temporal(mode: Mode, request: pytest.FixtureRequest) -> Client:
    name = "server_that_continues" if mode.continued else "server"
    client: Client = request.getfixturevalue(name)
    return client


@pytest_asyncio.fixture
async def make_case(temporal: Client, mode: Mode) -> AsyncIterator[MakeCase]:
    """
    A stack that `blue` serves, with `parked` deployments behind it, oldest first, and an image of
    v2. Other settings are laid over the stack's.

    `sticky`: with weights, a client stays so many seconds with its target group. `sandboxed`: its
    workflows run as on a worker of ours.
    """
    async with AsyncExitStack() as workers:
        made: list[Case] = []

        async def make(
            *,
            blue: str | None = "v1",
            parked: Sequence[str] = (),
            sticky: float = 0,
            sandboxed: bool = False,
            **more: Any,
        ) -> Case:
            stack = Stack.model_validate(settings(f"m{next(_numbers)}", **more))
            world = World(stack, balancer(stack), stacks={stack.name: stack})
            case = Case(temporal, f"{stack.name}-{uuid.uuid4().hex[:8]}", world)
            if stack.load_balancer.strategy == "weighted":
                rule = weighted(world.arns, sticky=sticky)
                case.account.rules[rule.arn] = rule
            for number, tag in enumerate(parked, start=1):
                case.make(tag, State.PARKED, number)
            if blue:
                case.make(blue, State.SERVING, 28)
            case.image("v2")
            await workers.enter_async_context(worker_of(case, mode.kept, sandboxed=sandboxed))
            made.append(case)
            return case

        yield make
        for case in made:
            await case.keep_promises()
            if mode.kept:
                await case.replay()


def worker_of(case: Case, kept: int = 1_000, *, sandboxed: bool = False) -> Worker:
    """Without the sandbox, which loads our modules for each replay; the system tests have it."""
    sandbox = SandboxedWorkflowRunner(restrictions=SANDBOX)
    runner = sandbox if sandboxed else UnsandboxedWorkflowRunner()
    return Worker(
        case.client,
        task_queue=case.task_queue,
        workflows=WORKFLOWS,
        activities=activities(case.world, case.client),
        interceptors=[Door(case.world)],
        max_cached_workflows=kept,
        workflow_runner=WithoutLargeUpdates(runner),
    )
