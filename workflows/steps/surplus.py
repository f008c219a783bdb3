"""What a stack needs no more: found, judged and removed by a prune that runs by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from temporalio import workflow

from workflows.checklist import sentence
from workflows.failures import shielded
from workflows.inquiries import Inquiries
from workflows.run import Run
from workflows.steps.pruning import PRUNE
from workflows.steps.removal import Removal

with workflow.unsafe.imports_passed_through():
    from activities.inventory import Inventories, WhichRun
    from domain import names
    from domain.config import Stack
    from domain.models import Deployment, Image
    from domain.requests import Message
    from domain.retention import Pruned, refuse_to_prune

FIND = "Find what serves, and which deployments and images there are"


class _ReadAgainError(Exception):
    """The run was paused since the account was read. A pause may last for days."""


class Surplus:
    """Until the end of `remove` an operator may pause or abort: what is not removed then stays."""

    def __init__(self, run: Run, stack: Stack) -> None:
        self.run = run
        self._stack = stack
        self._removal = Removal(run, stack, run.do, self._refuse_what_was_read_before_a_pause)
        self._seen: tuple[tuple[Deployment, ...], tuple[Image, ...]] | None = None
        self._seconds_paused = 0.0
        self._under_way = False

    @property
    def begun(self) -> bool:
        """May something be gone?"""
        return self._removal.begun

    @property
    def failures(self) -> str:
        """What could not be done; the verdicts have the reason for each thing that is left."""
        first, *more = self._removal.failures or [""]
        return f"{first}; {len(more)} more could not be pruned" if more else first

    @property
    def outcome(self) -> str:
        return self._removal.outcome

    def count(self) -> str:
        return self._removal.count()

    def pruned(self, *, dry_run: bool = False, stopped: str = "") -> Pruned:
        """What was to go and was not tried when it `stopped`, is left."""
        left = {"verdict": "left", "why": "it was not tried"}
        return Pruned(
            stack=self._stack.name,
            dry_run=dry_run,
            under_way=self._under_way,
            stopped=stopped,
            verdicts=tuple(
                verdict.model_copy(update=left)
                if stopped and verdict.verdict == "goes"
                else verdict
                for verdict in self._removal.verdicts
            ),
        )

    async def judge(self) -> None:
        """What would go, for a dry run. A release that runs is no reason to refuse the answer."""
        lock = names.owner(names.lock(self._stack.name), "")
        asked = WhichRun(releases=(lock,), but=workflow.info().workflow_id)
        running = await self.run.do(Inventories.which_run, asked, what="Does a run hold the lock?")
        self._under_way = bool(running)
        await self._removal.judge(*await self._look())

    @sentence(FIND, phase="pruning")
    async def find(self) -> None:
        """Raises Conflict where it is not certain what serves."""
        await self._unless_paused(self._count)

    @sentence(PRUNE, phase="pruning")
    async def remove(self) -> None:
        """A cancel stops it as an abort does: before the next removal."""
        await shielded(self._unless_paused(self._removal.remove), self._stop)
        self.run.checklist.note(self.outcome)

    def _stop(self, _: str) -> None:
        reason = workflow.cancellation_reason() or "no reason was given"
        self.run.operator.aborts(Message(by="a cancel in Temporal", reason=reason))

    async def _count(self, deployments: tuple[Deployment, ...], images: tuple[Image, ...]) -> None:
        self.run.checklist.note(f"deployments: {len(deployments)}, images: {len(images)}")

    async def _unless_paused(
        self, work: Callable[[tuple[Deployment, ...], tuple[Image, ...]], Awaitable[None]]
    ) -> None:
        """After a pause the account is read again: what was surplus may be of use by then."""
        operator = self.run.operator
        while True:
            await operator.gate()
            if self._seconds_paused != operator.seconds_paused:
                self._seconds_paused, self._seen = operator.seconds_paused, None
            try:
                self._seen = self._seen or await self._look()
                await work(*self._seen)
            except _ReadAgainError:
                continue
            return

    def _refuse_what_was_read_before_a_pause(self) -> None:
        operator = self.run.operator
        if operator.paused or operator.seconds_paused != self._seconds_paused:
            raise _ReadAgainError

    async def _look(self) -> tuple[tuple[Deployment, ...], tuple[Image, ...]]:
        stack, ask = self._stack, Inquiries(self.run)
        target_groups, deployments, images = await asyncio.gather(
            ask.find_target_groups(stack), ask.find_deployments(stack), ask.find_images(stack)
        )
        if not self._under_way:
            arns = [group.arn for group in target_groups]
            refuse_to_prune(stack.name, deployments, arns)
        return deployments, images
