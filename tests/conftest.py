"""One stage for all system tests: a real Temporal server, one local cloud, one worker; each test has a stack of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from demo import infrastructure
from demo.account import Account
from demo.example import Repository
from demo.infrastructure import Infrastructure
from demo.processes import ROOT, Process, Stage
from demo.traffic import Traffic
from workflows.contract import DATA_CONVERTER, TASK_QUEUE, release_id

_numbers = itertools.count(1)
ELSEWHERE = "ap-southeast-2"


class Shared(Repository):
    """Of the application whose images the tests marked `shared_images` share: a tag is the same for all of them."""

    def release(self, tag: str, *, annotated: bool = True, **files: str) -> str:
        try:
            return self._git("rev-parse", "--verify", "--quiet", f"{tag}^{{commit}}").strip()
        except subprocess.CalledProcessError:
            return super().release(tag, annotated=annotated, **files)


@dataclass
class Theatre:
    """What all tests share."""

    stage: Stage
    account: Account
    base: Infrastructure
    client: Client
    shared: Repository
    stacks: dict[str, str] = field(default_factory=dict)

    def write_stacks(self) -> None:
        target = Path(self.stage.environment["OVENBIRD_STACKS"])
        temporary = target.with_suffix(".new")
        temporary.write_text("\n".join(self.stacks.values()))
        temporary.rename(target)

    @property
    def worker(self) -> Process:
        """The one that runs; a test that killed it has another started."""
        alive = [worker for worker in self.stage.workers if worker.popen.poll() is None]
        return alive[-1] if alive else self.stage.start_worker()


@dataclass
class StackUnderTest:
    name: str
    theatre: Theatre
    infrastructure: Infrastructure
    repository: Repository

    @property
    def account(self) -> Account:
        return self.theatre.account

    async def start(self, tag: str, **more: Any) -> WorkflowHandle[Any, dict[str, Any]]:
        request = {"stack": self.name, "tag": tag, "requested_by": "tests"} | more
        handle: WorkflowHandle[Any, dict[str, Any]] = await self.theatre.client.start_workflow(
            "ReleaseWorkflow", request, id=release_id(self.name), task_queue=TASK_QUEUE
        )
        return handle

    async def start_rollback(self, **more: Any) -> WorkflowHandle[Any, dict[str, Any]]:
        handle: WorkflowHandle[Any, dict[str, Any]] = await self.theatre.client.start_workflow(
            "RollbackWorkflow",
            {"stack": self.name, "requested_by": "tests"} | more,
            id=release_id(self.name),
            task_queue=TASK_QUEUE,
        )
        return handle

    async def release(self, tag: str, **more: Any) -> dict[str, Any]:
        """To its good end. An approval is given at once where the stack asks for one."""
        handle = await self.start(tag, **more)
        if "approval = true" in self.theatre.stacks[self.name]:
            await handle.signal("approve_cutover", {"by": "tests"})
        return await handle.result()

    async def fails(self, handle: WorkflowHandle[Any, Any]) -> ApplicationError:
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        assert isinstance(caught.value.cause, ApplicationError)
        return caught.value.cause

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.theatre.client.get_workflow_handle(
            release_id(self.name)
        ).query("status")
        return found

    async def until(
        self, check: Callable[[dict[str, Any]], bool], within: float = 40
    ) -> dict[str, Any]:
        """The first status that passes the check."""
        seen: dict[str, Any] = {}

        async def passes() -> bool:
            seen.update(await self.status())
            return check(seen)

        await eventually(
            passes,
            within,
            lambda: f"{self.name} never got there; it is {json.dumps(seen)[:4500]}",
        )
        return seen

    async def until_phase(self, *phases: str) -> dict[str, Any]:
        return await self.until(lambda status: status["phase"] in phases)

    def traffic(self, *, keep_alive: bool = True) -> Traffic:
        return Traffic(self.infrastructure.address, keep_alive=keep_alive)

    def groups(self) -> dict[str, dict[str, Any]]:
        return self.account.stack_groups(self.name)


async def eventually(
    check: Callable[[], Awaitable[bool]],
    within: float = 20,
    words: Callable[[], str] = lambda: "it never came true",
) -> None:
    deadline = time.monotonic() + within
    while True:
        try:
            if await check():
                return
        except RPCError as error:
            last = str(error)
            if time.monotonic() > deadline:
                pytest.fail(last)
        if time.monotonic() > deadline:
            pytest.fail(words())
        await asyncio.sleep(0.05)


@pytest.fixture(scope="session", autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither the machine's git nor its AWS settings decide a test."""
    home = tmp_path_factory.mktemp("home")
    for key in [key for key in os.environ if key.startswith(("AWS_", "TEMPORAL_", "OVENBIRD_"))]:
        del os.environ[key]
    os.environ |= {
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "AWS_CONFIG_FILE": str(home / "aws"),
    }


@pytest_asyncio.fixture(scope="session")
async def theatre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Theatre]:
    home = tmp_path_factory.mktemp("stage")
    with Stage(home, cloud=("--scale", "0.05", "--boot", "0.1", "--image", "0.2")) as stage:
        account = Account(stage.environment)
        base = infrastructure.build(stage.environment, stack="theatre", port=8000)
        client = await Client.connect(stage.temporal_address, data_converter=DATA_CONVERTER)
        theatre = Theatre(stage, account, base, client, Shared(home / "shared"))
        theatre.stacks["theatre"] = base.stack("theatre", "file:///nowhere")
        theatre.write_stacks()
        stage.start_worker()
        yield theatre


@pytest.fixture(scope="session")
def abroad(theatre: Theatre) -> tuple[Account, Infrastructure]:
    """Another region of the same cloud."""
    environment = theatre.stage.environment | {"AWS_DEFAULT_REGION": ELSEWHERE}
    return Account(environment), infrastructure.build(
        environment, stack="abroad", port=8000, network=31
    )


@pytest.fixture
def make_stack(
    theatre: Theatre, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., StackUnderTest]]:
    """
    A stack with a balancer, a repository and an application of its own, so that tests do not meet.

    Tests marked `shared_images` have one application: who tests what comes after a bake need not wait for one.
    """

    made: list[StackUnderTest] = []
    shared = request.node.get_closest_marker("shared_images") is not None

    def make(
        repository: Repository | None = None, *, balancer: str = "attach", **settings: str
    ) -> StackUnderTest:
        number = next(_numbers)
        name = f"s{number}"
        built = infrastructure.BALANCERS[balancer](
            theatre.stage.environment, theatre.base, name, port=8000 + number
        )
        if "verify" not in settings.get("bake", ""):
            # A launch more for each image: who tests something else need not wait for it.
            settings["bake"] = settings.get("bake", "") + "\nverify = false\n"
        repository = repository or (
            theatre.shared if shared else Repository(tmp_path / f"repo-{number}")
        )
        application = {"application": "shared-images" if shared else f"app{number}"}
        theatre.stacks[name] = built.stack(name, repository.url, **(application | settings))
        theatre.write_stacks()
        assert theatre.worker
        made.append(StackUnderTest(name, theatre, built, repository))
        return made[-1]

    yield make
    theatre.account.clear_faults()
    # Nobody looks at these instances any more: they need not be started, checked and served beside the next test's.
    for stack in made:
        for group in stack.account.groups():
            if group["AutoScalingGroupName"].startswith(stack.name + "-"):
                stack.account.autoscaling.delete_auto_scaling_group(
                    AutoScalingGroupName=group["AutoScalingGroupName"], ForceDelete=True
                )


@pytest.fixture
def stack(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
    return make_stack()


@pytest.fixture
def run_cli(theatre: Theatre) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line as a process of its own, as a user has it."""

    def run(
        *arguments: str, timeout: float = 60, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "starter.py"), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=os.environ | theatre.stage.environment | environment,
        )

    return run
