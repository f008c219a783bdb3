"""One run of a workflow: its operator, ledger, checklist and phase, and how it calls activities."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar, overload

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.workflow import ActivityConfig

from workflows.chain import Chain, Stopwatch
from workflows.checklist import Checklist
from workflows.contract import PHASE
from workflows.failures import FAILURES, caused_by, describe
from workflows.ledger import Ledger
from workflows.operator import Operator
from workflows.policies import QUICK, certain, poll_certainly
from workflows.replies import read_reply

with workflow.unsafe.imports_passed_through():
    from domain.bounded import LONGEST_OUTCOME, shortened, shown
    from domain.config import Stack, Timeouts
    from domain.errors import TerminalError
    from domain.status import BakeLink, Kind, Phase, Status, checklist_markdown

A = TypeVar("A")
R = TypeVar("R")


class Run:
    """`sentences` are the bullets of its checklist, in their order."""

    def __init__(self, kind: Kind, sentences: Sequence[str] = ()) -> None:
        self.kind: Kind = kind
        self.chain = Chain()
        self.operator = Operator(self.show, self.chain.checkpoint, self.chain.is_long)
        self.ledger = Ledger()
        self.checklist = Checklist(sentences, self.show)
        self.timeouts = Timeouts()
        self.phase: Phase = "baking"
        self.outcome = ""
        self.subject: dict[str, str] = {}
        self.bake: BakeLink | None = None
        self._calls: dict[str, int] = {}
        self._is_to_show = False

    def timed(self, name: str) -> AbstractContextManager[Stopwatch]:
        """Around a wait: its seconds, without those spent paused, in all runs of the chain."""
        return self.chain.timed(name, self.operator)

    def is_about(self, **subject: str) -> None:
        """Fields of the status as they become known: stack, tag, commit, requested_by."""
        self.subject |= subject

    def uses(self, stack: Stack, *, way_back: float | None = None) -> None:
        """The stack's timeouts, but for the time limit of the way back where that is another."""
        limit = stack.timeouts.way_back if way_back is None else way_back
        self.timeouts = stack.timeouts.model_copy(update={"way_back": limit})
        self.is_about(stack=stack.name)

    def follows(self, bake: BakeLink) -> None:
        self.bake = bake

    def status(self) -> Status:
        operator = self.operator
        return Status(
            workflow=self.kind,
            phase=self.phase,
            bullets=self.checklist.bullets,
            bake=self.bake,
            ledger=self.ledger.entries,
            outcome=self.outcome,
            **operator.status(),
            **self.subject,
        )

    def show(self) -> None:
        """Once in a task of the workflow, for all messages that came with it."""
        if not self._is_to_show:
            self._is_to_show = True
            asyncio.get_running_loop().call_soon(self._show)

    def _show(self) -> None:
        self._is_to_show = False
        try:
            details = checklist_markdown(self.status())
        except Exception as error:  # noqa: BLE001 (a picture must not stop the run)
            details = f"this checklist cannot be shown: {shown(error)}"
        workflow.set_current_details(details)

    def note(self, words: str) -> None:
        self.operator.note(words)

    def enter(self, phase: Phase) -> None:
        """The phase is a search attribute. Each write is an event, so only a change is written."""
        if phase != self.phase or not self._calls.get("phase"):
            self.phase = phase
            self._calls["phase"] = 1
            workflow.upsert_search_attributes([PHASE.value_set(phase)])

    def ends(self, phase: Phase, outcome: str) -> None:
        self.outcome = shortened(outcome, LONGEST_OUTCOME)
        self.enter(phase)
        self.show()

    @overload
    async def do(
        self,
        activity: Callable[[Any, A], Awaitable[R]],
        argument: A,
        policy: ActivityConfig = QUICK,
        *,
        what: str = "",
    ) -> R: ...
    @overload
    async def do(
        self,
        activity: Callable[[Any, A], R],
        argument: A,
        policy: ActivityConfig = QUICK,
        *,
        what: str = "",
    ) -> R: ...
    async def do(
        self,
        activity: Callable[..., Any],
        argument: Any,
        policy: ActivityConfig = QUICK,
        *,
        what: str = "",
    ) -> Any:
        """
        Call an activity on the way forward, behind the operator's gate.

        When an operator aborts, the call is cancelled and its end is awaited. Raises Aborted, the
        activity's ActivityError, or CancelledError.
        """
        await self.operator.gate()
        handle = self._start(activity, argument, policy, what)
        try:
            await workflow.wait_condition(
                lambda: handle.done() or self.operator.aborted is not None
            )
        except asyncio.CancelledError:
            await self._end_of(handle)
            raise
        if not handle.done():
            await self._end_of(handle)
            self.operator.raise_if_aborted()
        return read_reply(activity, await handle)

    @overload
    async def certainly(
        self,
        activity: Callable[[Any, A], Awaitable[R]],
        argument: A,
        policy: ActivityConfig | None = None,
        *,
        what: str = "",
    ) -> R: ...
    @overload
    async def certainly(
        self,
        activity: Callable[[Any, A], R],
        argument: A,
        policy: ActivityConfig | None = None,
        *,
        what: str = "",
    ) -> R: ...
    async def certainly(
        self,
        activity: Callable[..., Any],
        argument: Any,
        policy: ActivityConfig | None = None,
        *,
        what: str = "",
    ) -> Any:
        """Call an activity on the way back, or after the point of no return: behind no gate."""
        policy = policy or certain(self.timeouts.way_back)
        return read_reply(activity, await self._start(activity, argument, policy, what))

    async def until_gone(
        self, activity: Callable[[Any, A], R], argument: A, *, what: str = ""
    ) -> R:
        """Poll an activity that removes something and raises NotReady until it is gone."""
        pace = poll_certainly(self.timeouts.confirm, self.timeouts.way_back)
        return await self.certainly(activity, argument, pace, what=what)

    async def attempt(self, what: str, work: Awaitable[object]) -> bool:
        """Did `work` succeed? A failure becomes a note, because nothing depends on it."""
        try:
            await work
        except FAILURES as error:
            self.note(f"could not {what}: {describe(error)}")
            return False
        return True

    @asynccontextmanager
    async def making(self, kind: str, name: str, *, foreign: bool = False) -> AsyncIterator[None]:
        """
        Around the activity that makes a resource: the ledger has the intention before the call.

        After a refusal it was not made. After any other failure it may have been made, and the
        way back looks for it; a `foreign` program may also have made it before it failed.
        """
        await self.operator.gate()
        self.ledger.intends(kind, name)
        try:
            yield
        except FAILURES as error:
            refused = caused_by(error, *TerminalError.__subclasses__())
            if refused and not foreign and not isinstance(error, TerminalError):
                self.ledger.never_made(kind, name)
            else:
                self.ledger.unknown(kind, name)
            raise
        self.ledger.made(kind, name)

    def visible_by(self, kind: str, name: str) -> datetime | None:
        """From then on AWS shows the resource, if this run made it."""
        return self.ledger.visible_by(kind, name, self.timeouts.consistency_grace)

    def _start(
        self, activity: Callable[..., Any], argument: Any, policy: ActivityConfig, what: str
    ) -> workflow.ActivityHandle[Any]:
        """An activity's id is its name and how often this run called it."""
        name = activity.__name__
        self._calls[name] = count = self._calls.get(name, 0) + 1
        start: Callable[..., workflow.ActivityHandle[Any]] = workflow.start_activity
        return start(
            name,
            argument,
            result_type=RawValue,
            activity_id=f"{name}-{count}",
            summary=what or self.checklist.current,
            **policy,
        )

    @staticmethod
    async def _end_of(handle: workflow.ActivityHandle[Any]) -> None:
        """The call may still take effect. The way back needs no reply: it looks by name."""
        handle.cancel()
        try:
            await handle
        except FAILURES as error:
            workflow.logger.info("an aborted call has ended: %s", describe(error))
