"""What all steps share: their place on the checklist, the operator's gates, and how an activity is called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar, overload

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    RetryState,
    TimeoutType,
)
from temporalio.exceptions import TimeoutError as ActivityTimeout
from temporalio.workflow import ActivityConfig

from workflows.checklist import Checklist
from workflows.contract import PHASE
from workflows.operator import Operator
from workflows.policies import A_DAY, QUICK, certain

with workflow.unsafe.imports_passed_through():
    from domain.errors import OvenbirdError, TerminalError
    from domain.status import Phase, Resource, Status, checklist_markdown

A = TypeVar("A")
R = TypeVar("R")
# What ends a release the bad way. Anything else is a bug in workflow code: Temporal parks the release until it is fixed.
FAILURES = (FailureError, OvenbirdError, asyncio.CancelledError)


class Steps:
    kind: Literal["release", "rollback", "bake", "image", "sweep"] = "release"
    consistency_grace = 0.0
    way_back = A_DAY.total_seconds()

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.ledger: dict[tuple[str, str], Resource] = {}
        self.phase: Phase = "baking"
        self.outcome = ""
        self.checklist = Checklist(type(self), self.show)
        operator.changed = self.show
        self._calls: dict[str, int] = {}
        self._touched: dict[tuple[str, str], datetime] = {}

    def status(self) -> Status:
        last = self.operator.last
        return Status(
            workflow=self.kind,
            phase=self.phase,
            bullets=tuple(self.checklist.bullets.values()),
            paused=self.operator.paused,
            aborted=self.operator.aborted is not None,
            can_abort=not self.operator.why_no_abort(),
            outcome=self.outcome,
            by=last.by if last else "",
            reason=last.reason if last else "",
            notes=tuple(self.operator.notes),
            approved=self.operator.approval,
            ledger=tuple(self.ledger.values()),
        )

    def show(self) -> None:
        workflow.set_current_details(checklist_markdown(self.status()))

    def enter(self, phase: Phase) -> None:
        """The phase is a search attribute: it is written only when it changes, since each write is an event."""
        if phase != self.phase or not self._calls.get("phase"):
            self.phase = phase
            self._calls["phase"] = 1
            workflow.upsert_search_attributes([PHASE.value_set(phase)])

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
        Forward: behind the gate, and let go the moment an operator aborts, when the call in flight has ended.

        Raises Aborted, the activity's ActivityError, or CancelledError.
        """
        await self.operator.gate()
        handle = self._start(activity, argument, policy, what)
        try:
            await workflow.wait_condition(
                lambda: handle.done() or self.operator.aborted is not None
            )
        except asyncio.CancelledError:
            await self._let_go(handle)
            raise
        if not handle.done():
            await self._let_go(handle)
            self.operator.raise_if_aborted()
        return await handle

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
        """Back, or on from the point of no return: no gate, and nothing stops it."""
        return await self._start(activity, argument, policy or certain(self.way_back), what)

    @asynccontextmanager
    async def making(self, kind: str, name: str, *, foreign: bool = False) -> AsyncIterator[None]:
        """
        Around the activity that makes a resource: the ledger has the intention before the call, and its end after it.

        What a refusal ended was never made; after any other failure nobody knows, and the way back looks for it. So it does after any
        failure of a `foreign` program, which may make it and fail later.
        """
        await self.operator.gate()
        entry = Resource(kind=kind, name=name, intended=workflow.now().isoformat())
        self.ledger[kind, name] = entry
        try:
            yield
        except FAILURES as error:
            if (
                not foreign
                and caused_by(error, *TerminalError.__subclasses__())
                and not isinstance(error, TerminalError)
            ):
                del self.ledger[kind, name]
            else:
                self._touched[kind, name] = workflow.now()
            raise
        self._touched[kind, name] = workflow.now()
        self.ledger[kind, name] = entry.model_copy(update={"made": workflow.now().isoformat()})

    def gone(self, kind: str, name: str) -> None:
        entry = self.ledger.get((kind, name), Resource(kind=kind, name=name))
        self.ledger[kind, name] = entry.model_copy(update={"gone": workflow.now().isoformat()})

    def visible_by(self, kind: str, name: str) -> datetime | None:
        """From when on AWS surely shows it, if it was made; None where nobody asked for it."""
        touched = self._touched.get((kind, name))
        return touched + timedelta(seconds=self.consistency_grace) if touched else None

    def _start(
        self, activity: Callable[..., Any], argument: Any, policy: ActivityConfig, what: str
    ) -> workflow.ActivityHandle[Any]:
        """The activity's id is its name and how often this run called it: fixed from day one, readable in the UI."""
        name = activity.__name__
        self._calls[name] = count = self._calls.get(name, 0) + 1
        start: Callable[..., workflow.ActivityHandle[Any]] = workflow.start_activity_method
        return start(
            activity,
            argument,
            activity_id=f"{name}-{count}",
            summary=what or self.checklist.current,
            **policy,
        )

    @staticmethod
    async def _let_go(handle: workflow.ActivityHandle[Any]) -> None:
        """What it was about to do may still happen: the way back looks for it, and needs no reply."""
        handle.cancel()
        try:
            await handle
        except FAILURES as error:
            workflow.logger.info("let go of a call in flight: %s", describe(error))


async def shielded(work: Coroutine[Any, Any, R], note: Callable[[str], None] | None = None) -> R:
    """To its end, whatever is cancelled meanwhile; a cancel is noted and has no other effect."""
    task = asyncio.create_task(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done() and not task.cancelled():
                return task.result()
            if note:
                note("a cancel came when there was no way back, and had no effect")


@asynccontextmanager
async def handlers_finished() -> AsyncIterator[None]:
    """Whoever sent an update gets its answer before the workflow closes, on every path."""
    try:
        yield
    except FAILURES:
        await workflow.wait_condition(workflow.all_handlers_finished)
        raise
    await workflow.wait_condition(workflow.all_handlers_finished)


def describe(error: BaseException) -> str:
    """The words of whoever failed first: an ActivityError only says that an activity failed."""
    if isinstance(error, asyncio.CancelledError):
        return f"cancelled: {workflow.cancellation_reason() or 'no reason was given'}"
    if isinstance(error, ActivityError) and isinstance(error.cause, ActivityTimeout):
        last = (
            error.cause.last_attempt_exception
            if hasattr(error.cause, "last_attempt_exception")
            else error.cause.__cause__
        )
        words = describe(last) if isinstance(last, BaseException) else ""
        kind = (
            "ran out of time" if error.cause.type is TimeoutType.SCHEDULE_TO_CLOSE else "was lost"
        )
        return f"{error.activity_type} {kind}" + (f"; the last try: {words}" if words else "")
    if (
        isinstance(error, ActivityError)
        and error.retry_state is RetryState.TIMEOUT
        and error.cause is not None
    ):
        return f"{describe(error.cause)}, and it was still so when the time for it was over"
    if isinstance(error, FailureError) and error.cause is not None:
        return describe(error.cause)
    if isinstance(error, ApplicationError):
        return error.message
    return str(error)


def caused_by(error: BaseException, *kinds: type[OvenbirdError]) -> bool:
    """Was it one of these, whether raised here or by an activity?"""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, kinds) or (
            isinstance(cause, ApplicationError) and cause.type in {kind.__name__ for kind in kinds}
        ):
            return True
        cause = cause.cause if isinstance(cause, FailureError) else None
    return False
