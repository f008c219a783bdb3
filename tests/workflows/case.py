"""A stack with what serves it; and how a test starts its workflows and speaks to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowHistory,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from domain import names
from domain.config import Stack
from domain.errors import REFUSED, ROLLED_BACK
from domain.models import Image, State
from domain.sweep import Owned
from tests.workflows.account import LONG_AGO, Account, ScalingGroup
from tests.workflows.blueprint import commit
from tests.workflows.promises import it_serves_alone, nothing_was_left
from tests.workflows.world import World, identity
from worker import WORKFLOWS
from workflows.contract import WORKER_CONVERTER, release_id

Handle = WorkflowHandle[Any, Any]
# Seconds that a test waits for a run, or for what its status says.
PATIENCE = 30.0


@dataclass(repr=False)
class Case:
    """`runs` are the workflows that a test started, whose promises nobody has asked yet."""

    client: Client
    task_queue: str
    world: World
    runs: list[Handle] = field(default_factory=list)
    # None is Temporal's own: 10 s until a task of a workflow that failed is repeated.
    task_timeout: timedelta | None = None

    @property
    def stack(self) -> Stack:
        return self.world.stack

    @property
    def account(self) -> Account:
        return self.world.account

    @property
    def lock(self) -> str:
        return release_id(self.stack.name)

    def group(self, tag: str) -> ScalingGroup:
        """The newest group of that tag."""
        return [g for g in self.account.groups.values() if g.tags.get(names.TAG) == tag][-1]

    def make(self, tag: str, state: State, number: int, *, size: int = 2) -> ScalingGroup:
        """A deployment of an earlier release: what serves is healthy, what is parked is empty."""
        name = f"{self.stack.name}-{tag}"
        image = self.image(tag)
        group = ScalingGroup(
            name=name,
            min=self.stack.capacity.min,
            max=self.stack.capacity.max,
            desired=size,
            image=image.id,
            tags=self.tags(tag, state, number),
            launch_template=name,
            created_at=LONG_AGO,
            mixed=self.stack.instance.mixed,
        )
        account = self.account
        account.groups[name] = group
        account.template_images[name] = image.id
        account.templates[name] = Owned(
            kind="launch template", id=f"lt-{number}", name=name, release=group.tags[names.RELEASE]
        )
        if state is State.SERVING:
            group.target_groups = list(self.world.arns)
            if account.rules:
                group.target_groups = group.target_groups[:1]
            self.settle()
        else:
            group.min = group.max = group.desired = 0
            sizes = {names.RESTORE_MIN: "1", names.RESTORE_MAX: "6", names.RESTORE_DESIRED: "2"}
            group.tags |= sizes
        return group

    def tags(self, tag: str, state: State, number: int) -> dict[str, str]:
        name = f"{self.stack.name}-{tag}"
        return {
            names.STACK: self.stack.name,
            names.APPLICATION: self.stack.application.name,
            names.TAG: tag,
            names.COMMIT: commit(tag),
            names.RELEASE: names.owner(self.lock, f"run-of-{tag}"),
            names.DEPLOYMENT: name,
            names.STATE: state.value,
            names.SERVED_AT: f"2026-01-{number:02}T00:00:00+00:00",
        }

    def image(self, tag: str) -> Image:
        """As a bake of that tag has left it."""
        made = identity(self.stack, tag, commit(tag), "ami-base")
        image = Image(
            id=f"ami-{tag}",
            name=made.image_name,
            tag=tag,
            commit=made.commit,
            recipe=made.recipe,
            base_image=made.base_image,
            created_at="2026-01-01T00:00:00.000Z",
            verified=True,
        )
        self.account.images[image.id] = image
        self.world.commits[tag] = commit(tag)
        return image

    def settle(self) -> None:
        """Until everything that was asked for is there."""
        for _ in range(4):
            self.account.look()

    def settle_before(self) -> None:
        for _ in range(4):
            self.world.before.look()

    async def start(self, workflow: str, workflow_id: str = "", **request: Any) -> Handle:
        """Whatever ran before has ended, and kept its promises."""
        await self.keep_promises()
        self.world.begin()
        handle: Handle = await self.client.start_workflow(
            workflow,
            {"stack": self.stack.name} | request,
            id=workflow_id or self.lock,
            task_queue=self.task_queue,
            task_timeout=self.task_timeout,
        )
        self.runs.append(handle)
        return handle

    async def keep_promises(self) -> None:
        while self.runs:
            handle = self.runs.pop()
            error = await failure(handle)
            assert self.world.broken == []
            if error and error.type in (REFUSED, ROLLED_BACK):
                nothing_was_left(self.world, await handle.query("status"))
            elif error is None and "parked" in (result := await handle.result()):
                it_serves_alone(self.world, result, await handle.query("status"))

    async def replay(self) -> None:
        """Every run once, from its history. Raises where the code decides otherwise than then."""
        replayer = Replayer(
            workflows=WORKFLOWS,
            data_converter=WORKER_CONVERTER,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        await replayer.replay_workflows(self._histories())

    async def _histories(self) -> AsyncIterator[WorkflowHistory]:
        for workflow_id, run_id in sorted(self.world.runs):
            handle = self.client.get_workflow_handle(workflow_id, run_id=run_id)
            yield await handle.fetch_history()

    async def release(self, tag: str = "v2", **more: Any) -> Handle:
        return await self.start("ReleaseWorkflow", tag=tag, requested_by="tests", **more)

    async def rollback(self, **more: Any) -> Handle:
        return await self.start("RollbackWorkflow", requested_by="tests", **more)

    async def says(self, word: str, **message: str) -> str:
        """An update: its answer. Raises WorkflowUpdateFailedError where it is refused."""
        handle = self.client.get_workflow_handle(self.lock)
        answer: str = await handle.execute_update(word, {"by": "an operator"} | message)
        return answer

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.client.get_workflow_handle(self.lock).query("status")
        return found

    async def until(self, check: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first status that passes the check, while it runs."""
        deadline = time.monotonic() + PATIENCE
        while not check(status := await self.status()):
            assert not status["outcome"], status["outcome"]
            assert time.monotonic() < deadline, status
            await asyncio.sleep(0.02)
        return status

    async def until_waiting(self) -> dict[str, Any]:
        return await self.until(lambda status: bool(status["waiting_for"]))


async def failure(handle: Handle) -> ApplicationError | None:
    """How it failed; None where it ended well."""
    try:
        await asyncio.wait_for(handle.result(), PATIENCE)
    except WorkflowFailureError as error:
        if isinstance(error.cause, ApplicationError):
            return error.cause
        raise
    return None


async def refusal(case: Case, word: str, **message: str) -> str:
    """The reason why an update was refused."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await case.says(word, **message)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause.message


async def rolled_back(handle: Handle, words: str) -> None:
    """It ended RolledBack, and its message has the words."""
    error = await failure(handle)
    assert error
    assert error.type == ROLLED_BACK
    assert words in error.message
