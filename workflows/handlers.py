"""The handlers of an operator's messages: signals, and updates of the same names."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.run import Run

with workflow.unsafe.imports_passed_through():
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

    @workflow.signal(name="approve_cutover", description=APPROVE)
    def on_approve(self, *values: Any) -> None:
        self.operator.approves(Message.lenient(*values))

    @workflow.signal(name="abort_and_roll_back", description=ABORT)
    def on_abort(self, *values: Any) -> None:
        self.operator.aborts(Message.lenient(*values))

    @workflow.signal(name="pause", description=PAUSE)
    def on_pause(self, *values: Any) -> None:
        self.operator.pauses(Message.lenient(*values))

    @workflow.signal(name="resume", description=RESUME)
    def on_resume(self, *values: Any) -> None:
        self.operator.resumes(Message.lenient(*values))

    @workflow.signal(name="extend", description=EXTEND)
    def on_extend(self, *values: Any) -> None:
        self.operator.extends(Message.lenient(*values))

    @workflow.signal(name="park_now", description=PARK_NOW)
    def on_park_now(self, *values: Any) -> None:
        self.operator.parks_now(Message.lenient(*values))

    @workflow.update(name="approve_cutover", description=APPROVE)
    def approve_cutover(self, *values: Any) -> str:
        self.on_approve(*values)
        return "approved"

    @workflow.update(name="abort_and_roll_back", description=ABORT)
    def abort_and_roll_back(self, *values: Any) -> str:
        self.on_abort(*values)
        return "aborted: what served before is restored"

    @workflow.update(name="pause", description=PAUSE)
    def pause(self, *values: Any) -> str:
        self.on_pause(*values)
        return "paused before the next action"

    @workflow.update(name="resume", description=RESUME)
    def resume(self, *values: Any) -> str:
        self.on_resume(*values)
        return "resumed"

    @workflow.update(name="extend", description=EXTEND)
    def extend(self, *values: Any) -> str:
        self.on_extend(*values)
        return "extended"

    @workflow.update(name="park_now", description=PARK_NOW)
    def park_old_now(self, *values: Any) -> str:
        self.on_park_now(*values)
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
        _refuse(self.operator.why_not_hot())

    @park_old_now.validator
    def _may_park_now(self, *values: Any) -> None:
        _refuse(self.operator.why_not_hot())


def _refuse(why: str) -> None:
    if why:
        raise ApplicationError(why, type="NotNow")
