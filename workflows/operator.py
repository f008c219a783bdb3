"""The operator's word: pause, resume, approve, abort. The gates that steps pass, and the door through which words come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.calendar import moment_of
    from domain.errors import Aborted
    from domain.requests import Message
    from domain.status import Approval, Pause


class Operator:
    """What the operators have said. `no_way_back` is the reason why an abort is refused, empty while there is a way back."""

    def __init__(self) -> None:
        self.paused: Pause | None = None
        self.approval: Approval | None = None
        # Whose word does not count as an approval, because they asked for the release themselves.
        self.requester = ""
        self.aborted: Message | None = None
        self.last: Message | None = None
        self.waiting_for_approval = False
        # While blue is kept hot: how often that was extended by as long again, and who ended it.
        self.extended = 0
        self.park_now: Message | None = None
        self.keeps_hot = False
        self.no_way_back = ""
        self.seconds_paused = 0.0
        self.notes: list[str] = []
        self.changed: Callable[[], None] = lambda: None

    async def gate(self) -> None:
        """Before each outward action: holds while paused. Raises Aborted."""
        if self.paused and not self.aborted:
            started = workflow.time()
            await workflow.wait_condition(lambda: self.paused is None or self.aborted is not None)
            self.seconds_paused += workflow.time() - started
        self.raise_if_aborted()

    async def wait(
        self, seconds: float | None, until: Callable[[], bool] = lambda: False, *, summary: str
    ) -> bool:
        """
        The only wait there is: did `until` come true in time (None: for ever)? Time spent paused does not count.

        Raises Aborted as soon as the operator says so.
        """
        left = seconds
        while not until() and (left is None or left > 0):
            started = workflow.time()
            try:
                await workflow.wait_condition(
                    lambda: until() or self.paused is not None or self.aborted is not None,
                    timeout=None if left is None else timedelta(seconds=left),
                    timeout_summary=summary,
                )
            except TimeoutError:
                break
            left = None if left is None else left - (workflow.time() - started)
            await self.gate()
        self.raise_if_aborted()
        return until()

    def raise_if_aborted(self) -> None:
        if self.aborted:
            raise Aborted(
                f"aborted by {self.aborted.by}"
                + (f": {self.aborted.reason}" if self.aborted.reason else "")
            )

    def ask(self, reason: str, now: str) -> None:
        """A person must decide: it is paused until one says resume, or abort."""
        self.paused = self.paused or Pause(by="Ovenbird", reason=reason, since=now)
        self.changed()

    def said(self, message: Message) -> None:
        self.last = message
        if message.malformed:
            self.notes.append(
                f"a message came with an argument that was not understood: {message.malformed}"
            )
        self.changed()

    def why_no_abort(self) -> str:
        return "it is aborted already" if self.aborted else self.no_way_back

    def why_not_hot(self) -> str:
        return "" if self.keeps_hot else "the old version is not being kept as large as it is now"

    def why_no_approval(self, by: str) -> str:
        if self.aborted or self.no_way_back:
            return self.why_no_abort()
        if self.approval:
            return f"it is approved already, by {self.approval.by}"
        return self.why_not_theirs(by) or (
            "" if self.waiting_for_approval else "it is not waiting for approval now"
        )

    def ask_another(self, requester: str) -> None:
        """From now on `requester` cannot approve; an approval of theirs that is there already does not count."""
        self.requester = requester
        if self.approval and (why := self.why_not_theirs(self.approval.by)):
            self.notes.append(f"an approval by {self.approval.by} was ignored: {why}")
            self.approval = None

    def why_not_theirs(self, by: str) -> str:
        if self.requester and by in (self.requester, "unknown"):
            return f"{self.requester} asked for it, so somebody else must approve it, by name"
        return ""


class OperatorHandlers:
    """
    Signals (kept whatever they come with) and updates of the same names (answered: accepted, or refused with the reason).

    Mixed into each workflow that an operator steers.
    """

    def __init__(self) -> None:
        self.operator = Operator()

    @workflow.signal(name="approve_cutover", description="Let the traffic move to the new version.")
    def on_approve(self, *values: Any) -> None:
        message = Message.lenient(*values)
        if why := self.operator.why_not_theirs(message.by) or (
            self.operator.why_no_abort() and "it cannot be used any more"
        ):
            self.operator.notes.append(f"an approval by {message.by} was ignored: {why}")
        elif message.at and (why := not_a_moment(message.at)):
            # It may not cut over before a moment that nobody can tell.
            self.operator.notes.append(f"an approval by {message.by} was ignored: {why}")
        elif self.operator.approval is None:
            not_before = moment_of(message.at, workflow.now()).isoformat() if message.at else None
            self.operator.approval = Approval(
                by=message.by,
                reason=message.reason,
                at=workflow.now().isoformat(),
                not_before=not_before,
            )
        self.operator.said(message)

    @workflow.signal(
        name="abort_and_roll_back", description="Stop, and restore what served before."
    )
    def on_abort(self, *values: Any) -> None:
        message = Message.lenient(*values)
        if why := self.operator.why_no_abort():
            self.operator.notes.append(f"an abort by {message.by} was refused: {why}")
        else:
            self.operator.aborted = message
        self.operator.said(message)

    @workflow.signal(name="pause", description="Stop before the next action.")
    def on_pause(self, *values: Any) -> None:
        message = Message.lenient(*values)
        if self.operator.no_way_back or self.operator.aborted:
            self.operator.notes.append(
                f"a pause by {message.by} was ignored: {self.operator.why_no_abort()}"
            )
        else:
            self.operator.paused = self.operator.paused or Pause(
                by=message.by, reason=message.reason, since=workflow.now().isoformat()
            )
        self.operator.said(message)

    @workflow.signal(name="resume", description="Go on after a pause.")
    def on_resume(self, *values: Any) -> None:
        self.operator.paused = None
        self.operator.said(Message.lenient(*values))

    @workflow.signal(
        name="extend", description="Keep the old version as large as it is for as long again."
    )
    def on_extend(self, *values: Any) -> None:
        message = Message.lenient(*values)
        if why := self.operator.why_not_hot():
            self.operator.notes.append(f"an extension by {message.by} was ignored: {why}")
        else:
            self.operator.extended += 1
        self.operator.said(message)

    @workflow.signal(
        name="park_now",
        description="Park the old version: its time to be kept as large as it is ends now.",
    )
    def on_park_now(self, *values: Any) -> None:
        message = Message.lenient(*values)
        if why := self.operator.why_not_hot():
            self.operator.notes.append(f"a word to park now, by {message.by}, was ignored: {why}")
        else:
            self.operator.park_now = message
        self.operator.said(message)

    @workflow.update(
        name="extend", description="Keep the old version as large as it is for as long again."
    )
    def extend(self, *values: Any) -> str:
        self.on_extend(*values)
        return "extended"

    @workflow.update(
        name="park_now",
        description="Park the old version: its time to be kept as large as it is ends now.",
    )
    def park_old_now(self, *values: Any) -> str:
        self.on_park_now(*values)
        return "the old version is drained and parked now"

    @extend.validator
    def _may_extend(self, *values: Any) -> None:
        _refuse(self.operator.why_not_hot())

    @park_old_now.validator
    def _may_park_now(self, *values: Any) -> None:
        _refuse(self.operator.why_not_hot())

    @workflow.update(name="approve_cutover", description="Let the traffic move to the new version.")
    def approve_cutover(self, *values: Any) -> str:
        self.on_approve(*values)
        return "approved"

    @approve_cutover.validator
    def _may_approve(self, *values: Any) -> None:
        message = Message.lenient(*values)
        _refuse(
            self.operator.why_no_approval(message.by)
            or (not_a_moment(message.at) if message.at else "")
        )

    @workflow.update(
        name="abort_and_roll_back", description="Stop, and restore what served before."
    )
    def abort_and_roll_back(self, *values: Any) -> str:
        self.on_abort(*values)
        return "aborted: what served before is restored"

    @abort_and_roll_back.validator
    def _may_abort(self, *values: Any) -> None:
        _refuse(self.operator.why_no_abort())

    @workflow.update(name="pause", description="Stop before the next action.")
    def pause(self, *values: Any) -> str:
        self.on_pause(*values)
        return "paused before the next action"

    @pause.validator
    def _may_pause(self, *values: Any) -> None:
        _refuse("it is paused already" if self.operator.paused else self.operator.why_no_abort())

    @workflow.update(name="resume", description="Go on after a pause.")
    def resume(self, *values: Any) -> str:
        self.on_resume(*values)
        return "resumed"

    @resume.validator
    def _may_resume(self, *values: Any) -> None:
        _refuse("" if self.operator.paused else "it is not paused")


def not_a_moment(text: str) -> str:
    try:
        moment_of(text, workflow.now())
    except ValueError as error:
        return str(error)
    return ""


def _refuse(why: str) -> None:
    if why:
        raise ApplicationError(why, type="NotNow")
