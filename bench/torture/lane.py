"""A lane: one stack with its own worker and visitors. Several lanes try points side by side."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from demo.account import Account
from demo.balancers import BALANCERS
from demo.example import Repository
from demo.infrastructure import Infrastructure, built_with
from demo.processes import ROOT, Process, Stage
from demo.visitors import Visitors

T = TypeVar("T")
SIZE = 2
# Seconds within which a play must end.
LIMIT = 240.0
ABROAD = "ap-southeast-2"
CPU = '{ metric = "cpu", target = 50 }'
TIMEOUTS = (
    "first_poll = 0.15\npoll = 0.4\nconfirm = 0.1\nhealthy = 90\napproval = 600\n"
    "soak = {soak}\nstep = {soak}\ndrain = 90\nconsistency_grace = 2\nway_back = 200"
)


class Stacks:
    """The stacks file of all lanes."""

    def __init__(self, path: Path) -> None:
        self._path, self._stacks = path, dict[str, str]()

    def write(self, name: str, text: str) -> None:
        self._stacks[name] = text
        fresh = self._path.with_suffix(".new")
        fresh.write_text("\n".join(self._stacks.values()))
        fresh.rename(self._path)


class Lane:
    # Seconds of the watch, unless a play needs more.
    soak = 0.3
    # How many deployments stay, unless a play needs fewer.
    kept = 3

    def __init__(
        self,
        number: int,
        stage: Stage,
        client: Client,
        account: Account,
        base: Infrastructure,
        stacks: Stacks,
        strategy: str,
    ) -> None:
        self.name = f"lane{number}"
        self.stage, self.client, self.account, self.strategy = stage, client, account, strategy
        self.infrastructure = BALANCERS[strategy](
            stage.environment, base, self.name, port=8000 + number
        )
        self.repository = Repository(stage.home / f"repository-{self.name}")
        self._stacks = stacks
        self._tags = 0
        # The points are the calls from this moment on.
        self.marked_at = 0.0
        # The failure of the last play that failed.
        self.last_words = ""
        self.worker: Process | None = None
        self.abroad = Account(stage.environment | {"AWS_DEFAULT_REGION": ABROAD})
        self.builder, self.asked_of_image = "native", ""
        # The directory through which the stand-in for packer is told when to stop.
        self.lines = stage.home / f"packer-{self.name}"
        self.set_soak(self.soak)

    @property
    def target_groups(self) -> list[str]:
        """The ARNs; none behind a classic balancer."""
        return [
            arn
            for arn in (
                self.infrastructure.target_group_arn,
                self.infrastructure.other_target_group_arn,
            )
            if arn
        ]

    @property
    def watermarks(self) -> list[str]:
        """Keys of the fewest healthy targets. With weights, no target group is always complete."""
        classic = f"classic/{self.infrastructure.region}/{self.infrastructure.classic}"
        return {"attach": self.target_groups, "classic": [classic], "weighted": []}[self.strategy]

    def set_soak(self, seconds: float, *, approval: bool = False) -> None:
        requests = "" if self.strategy == "classic" else ', { metric = "requests", target = 1000 }'
        text = self.infrastructure.stack(
            self.name,
            self.repository.url,
            application=f"app-{self.name}",
            timeouts=TIMEOUTS.format(soak=seconds),
            load_balancer="steps = [50, 100]\n" if self.strategy == "weighted" else "",
            bake=built_with(self.builder, self.stage.environment) + self.asked_of_image,
            capacity="min = 1\nmax = 8\ndesired = 2",
            retention=f"deployments = {self.kept}",
            sweeping="age = 0",
            top=f"approval = {str(approval).lower()}\nscaling = [{CPU}{requests}]",
        )
        self._stacks.write(self.name, text)

    def use_builder(self, builder: str, asked_of_image: str = "") -> None:
        """`asked_of_image` are lines of the stack's [bake] table."""
        self.builder, self.asked_of_image = builder, asked_of_image
        self.set_soak(self.soak)

    def new_tag(self) -> str:
        self._tags += 1
        tag = f"t{self._tags}"
        self.repository.release(tag)
        return tag

    async def start_worker(self) -> None:
        """Each call of this worker to AWS carries the name of the lane."""
        watched = {}
        if packer := shutil.which("packer"):
            self._put_stand_in()
            watched = {
                "PATH": f"{self.lines}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "TORTURE_PACKER": packer,
                "TORTURE_LINES": str(self.lines),
            }
        self.worker = await asyncio.to_thread(
            lambda: self.stage.start_worker(
                OVENBIRD_TASK_QUEUE=self.name, AWS_SDK_UA_APP_ID=self.name, **watched
            )
        )

    def _put_stand_in(self) -> None:
        self.lines.mkdir(exist_ok=True)
        stand_in = self.lines / "packer"
        stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} -m bench.torture.lines "$@"\n')
        stand_in.chmod(0o755)

    async def kill_worker(self) -> None:
        assert self.worker
        self.worker.kill()
        await self.start_worker()

    def visitors(self) -> Visitors:
        return Visitors(self.infrastructure.address, count=3, rate=12)

    async def release(self, tag: str) -> WorkflowHandle[Any, Any]:
        return await self.start("ReleaseWorkflow", {"stack": self.name, "tag": tag})

    async def bake(self, tag: str) -> WorkflowHandle[Any, Any]:
        return await self.start(
            "ImageWorkflow", {"stack": self.name, "tag": tag}, f"image-{self.name}-{tag}"
        )

    async def rollback(self, **more: str) -> WorkflowHandle[Any, Any]:
        return await self.start("RollbackWorkflow", {"stack": self.name} | more)

    async def start(
        self, workflow: str, request: dict[str, Any], workflow_id: str | None = None
    ) -> WorkflowHandle[Any, Any]:
        """`workflow_id` is the stack's lock where it is left out."""

        async def start() -> WorkflowHandle[Any, Any]:
            handle: WorkflowHandle[Any, Any] = await self.client.start_workflow(
                workflow,
                request,
                id=workflow_id or f"release-{self.name}",
                task_queue=self.name,
                rpc_timeout=timedelta(seconds=5),
            )
            return handle

        return await patiently(start)

    async def ending(self, handle: WorkflowHandle[Any, Any]) -> str:
        """`Completed`, the type of the failure, or a sentence where it did not end in time."""

        async def result() -> str:
            try:
                await handle.result()
            except WorkflowFailureError as error:
                cause = error.cause
                self.last_words = str(cause)
                return (
                    (cause.type or "")
                    if isinstance(cause, ApplicationError)
                    else type(cause).__name__
                )
            return "Completed"

        try:
            return await asyncio.wait_for(patiently(result), LIMIT)
        except TimeoutError:
            return f"no end within {LIMIT:.0f} s"

    async def signal(self, handle: WorkflowHandle[Any, Any], name: str) -> None:
        """Does nothing where the workflow has ended."""

        async def send() -> None:
            try:
                await handle.signal(name, {"by": "torture"}, rpc_timeout=timedelta(seconds=5))
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise

        await patiently(send)

    async def status(self, handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
        """Empty where no worker answers."""
        try:
            found: dict[str, Any] = await handle.query("status", rpc_timeout=timedelta(seconds=2))
        except RPCError:
            return {}
        return found


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Calls again while Temporal's server restarts, so that the bench itself does not fail."""
    deadline = asyncio.get_running_loop().time() + 60
    while True:
        try:
            return await call()
        except RPCError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.2)
