"""A lane: one stack with its own worker and visitors. Several lanes try points side by side."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from typing import Any

from temporalio.client import Client, WorkflowHandle

from bench.runs import Runs, Stacks
from demo.account import Account
from demo.balancers import BALANCERS
from demo.example import Repository
from demo.infrastructure import Infrastructure, built_with
from demo.processes import ROOT, Process, Stage
from demo.visitors import Visitors

SIZE = 2
ABROAD = "ap-southeast-2"
CPU = '{ metric = "cpu", target = 50 }'
TIMEOUTS = (
    "first_poll = 0.15\npoll = 0.4\nconfirm = 0.1\nhealthy = 90\napproval = 600\n"
    "soak = {soak}\nstep = {soak}\ndrain = 90\nconsistency_grace = 2\nway_back = 200"
)


class Lane(Runs):
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
        super().__init__(client, f"lane{number}", f"lane{number}")
        self.stage, self.account, self.strategy = stage, account, strategy
        self.infrastructure = BALANCERS[strategy](
            stage.environment, base, self.name, port=8000 + number
        )
        self.repository = Repository(stage.home / f"repository-{self.name}")
        self._stacks = stacks
        self._tags = 0
        # The points are the calls from this moment on.
        self.marked_at = 0.0
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

    async def bake(self, tag: str) -> WorkflowHandle[Any, Any]:
        return await self.start(
            "ImageWorkflow", {"stack": self.name, "tag": tag}, f"image-{self.name}-{tag}"
        )
