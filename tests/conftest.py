"""What all system tests share: a real Temporal, a local cloud, a worker. Each has its own stack."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from demo import network
from demo.account import Account
from demo.balancers import BALANCERS
from demo.example import Repository
from demo.infrastructure import Infrastructure
from demo.processes import ROOT, Stage
from tests.shared_images import APPLICATION, SharedRepository
from tests.stacks import StackUnderTest, Theatre, eventually, timeouts_table
from workflows.contract import DATA_CONVERTER

# Other rooms of the tests import these from here.
__all__ = ["ELSEWHERE", "StackUnderTest", "Theatre", "eventually"]
_numbers = itertools.count(1)
ELSEWHERE = "ap-southeast-2"


@pytest.fixture(scope="session", autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test depends on the settings that the machine has for git, AWS or Go."""
    home = tmp_path_factory.mktemp("home")
    for key in [key for key in os.environ if key.startswith(("AWS_", "TEMPORAL_", "OVENBIRD_"))]:
        del os.environ[key]
    os.environ |= {
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "AWS_CONFIG_FILE": str(home / "aws"),
        # Temporal is a Go program. By default it spends a sixth of its time collecting garbage.
        "GOGC": "400",
    }


@pytest_asyncio.fixture(scope="session")
async def theatre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Theatre]:
    home = tmp_path_factory.mktemp("stage")
    with Stage(home, cloud=("--scale", "0.05", "--boot", "0.1", "--image", "0.2")) as stage:
        account = Account(stage.environment)
        base = network.build(stage.environment, stack="theatre", port=8000)
        client = await Client.connect(stage.temporal_address, data_converter=DATA_CONVERTER)
        theatre = Theatre(stage, account, base, client, SharedRepository(home / "shared"))
        theatre.stacks["theatre"] = base.stack("theatre", "file:///nowhere")
        theatre.write_stacks()
        stage.start_worker()
        yield theatre


@pytest.fixture(scope="session")
def abroad(theatre: Theatre) -> tuple[Account, Infrastructure]:
    """Another region of the same cloud."""
    environment = theatre.stage.environment | {"AWS_DEFAULT_REGION": ELSEWHERE}
    return Account(environment), network.build(environment, stack="abroad", port=8000, network=31)


@pytest.fixture
def make_stack(
    theatre: Theatre, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., StackUnderTest]]:
    """
    Makes stacks with their own balancers, repositories and applications, so that tests do not meet.

    Tests marked `shared_images` share one application: a tag of it is baked once for all of them.
    """
    made: list[StackUnderTest] = []
    shared = request.node.get_closest_marker("shared_images") is not None

    def make(
        repository: Repository | None = None,
        *,
        balancer: str = "attach",
        timeouts: dict[str, float] | None = None,
        **settings: str,
    ) -> StackUnderTest:
        number = next(_numbers)
        name = f"s{number}"
        built = BALANCERS[balancer](
            theatre.stage.environment, theatre.base, name, port=8000 + number
        )
        if "verify" not in settings.get("bake", ""):
            # A verified image costs one more instance. Only tests of the verification need that.
            settings["bake"] = settings.get("bake", "") + "\nverify = false\n"
        own = theatre.shared if shared else Repository(tmp_path / f"repo-{number}")
        repository = repository or own
        defaults = {"application": APPLICATION if shared else f"app{number}"}
        defaults["timeouts"] = timeouts_table(timeouts or {})
        theatre.stacks[name] = built.stack(name, repository.url, **(defaults | settings))
        theatre.write_stacks()
        assert theatre.worker
        made.append(StackUnderTest(name, theatre, built, repository, dict(timeouts or {})))
        return made[-1]

    yield make
    theatre.account.clear_faults()
    for stack in made:
        _end_instances(stack)


def _end_instances(stack: StackUnderTest) -> None:
    """They would take the CPU from the next test."""
    for group in stack.account.groups():
        name = group["AutoScalingGroupName"]
        if name.startswith(f"{stack.name}-"):
            stack.account.autoscaling.delete_auto_scaling_group(
                AutoScalingGroupName=name, ForceDelete=True
            )


@pytest.fixture
def stack(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
    return make_stack()


@pytest.fixture
def run_cli(theatre: Theatre) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line as a process, as a user does."""

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
