"""The handlers of an operator's messages: signals, and updates of the same names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from domain.bounded import shown
    from domain.requests import Message

APPROVE = "Let the traffic move to the new version."
ABORT = "Stop, and restore what served before."
PAUSE = "Stop before the next action."
RESUME = "Go on after a pause."
EXTEND = "Keep the old version as large as it is for as long again."
PARK_NOW = "Park the old version: its time to be kept as large as it is ends now."


class OperatorHandlers:
    """
    Inherited by each workflow that an operator steers; Temporal finds handlers on the class alone.

    A signal is kept whatever comes with it. An update is answered: accepted, or refused with the
    reason.
    """

    def __init__(self, run: Run) -> None:
        self.operator = run.operator

    def _hear(self, obey: Callable[[Message], None], values: tuple[Any, ...]) -> str:
        """
        Why the message could not be handled; empty where it was. It is noted and skipped, for it
        must not hold up what comes after it: perhaps that is an abort.
        """
        try:
            obey(Message.lenient(*values))
        except Exception as error:  # noqa: BLE001 (whatever it was, the run must go on)
            why = f"a message could not be handled: {shown(error)}"
            self.operator.note(why)
            return why
        return ""

    @workflow.signal(name="approve_cutover", description=APPROVE)
    def on_approve(self, *values: Any) -> None:
        self._hear(self.operator.approves, values)

    @workflow.signal(name="abort_and_roll_back", description=ABORT)
    def on_abort(self, *values: Any) -> None:
        self._hear(self.operator.aborts, values)

    @workflow.signal(name="pause", description=PAUSE)
    def on_pause(self, *values: Any) -> None:
        self._hear(self.operator.pauses, values)

    @workflow.signal(name="resume", description=RESUME)
    def on_resume(self, *values: Any) -> None:
        self._hear(self.operator.resumes, values)

    @workflow.signal(name="extend", description=EXTEND)
    def on_extend(self, *values: Any) -> None:
        self._hear(self.operator.extends, values)

    @workflow.signal(name="park_now", description=PARK_NOW)
    def on_park_now(self, *values: Any) -> None:
        self._hear(self.operator.parks_now, values)

    @workflow.update(name="approve_cutover", description=APPROVE)
    def approve_cutover(self, *values: Any) -> str:
        _refuse(self._hear(self.operator.approves, values))
        return "approved"

    @workflow.update(name="abort_and_roll_back", description=ABORT)
    def abort_and_roll_back(self, *values: Any) -> str:
        _refuse(self._hear(self.operator.aborts, values))
        return "aborted: what served before is restored"

    @workflow.update(name="pause", description=PAUSE)
    def pause(self, *values: Any) -> str:
        _refuse(self._hear(self.operator.pauses, values))
        return "paused before the next action"

    @workflow.update(name="resume", description=RESUME)
    def resume(self, *values: Any) -> str:
        _refuse(self._hear(self.operator.resumes, values))
        return "resumed"

    @workflow.update(name="extend", description=EXTEND)
    def extend(self, *values: Any) -> str:
        _refuse(self._hear(self.operator.extends, values))
        return "extended"

    @workflow.update(name="park_now", description=PARK_NOW)
    def park_old_now(self, *values: Any) -> str:
        _refuse(self._hear(self.operator.parks_now, values))
        return "the old version is drained and parked now"

    @approve_cutover.validator
    def _may_approve(self, *values: Any) -> None:
        _refuse(self.operator.why_no_approval(Message.lenient(*values)))

    @abort_and_roll_back.validator
    def _may_abort(self, *values: Any) -> None:
        _refuse(self.operator.why_no_abort())

    @pause.validator
    def _may_pause(self, *values: Any) -> None:
        _refuse("it is paused already" if self.operator.paused else self.operator.why_no_abort())

    @resume.validator
    def _may_resume(self, *values: Any) -> None:
        _refuse("" if self.operator.paused else "it is not paused")

    @extend.validator
    def _may_extend(self, *values: Any) -> None:
        _refuse(self.operator.why_no_extension())

    @park_old_now.validator
    def _may_park_now(self, *values: Any) -> None:
        _refuse(self.operator.why_not_hot())


def _refuse(why: str) -> None:
    if why:
        raise ApplicationError(why, type="NotNow")
