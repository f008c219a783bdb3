"""The operator's word: pause, resume, approve, abort; and the gates and waits that obey it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from temporalio import workflow

from workflows.notes import Notes

with workflow.unsafe.imports_passed_through():
    from domain.bounded import LONGEST_NOTE, shortened
    from domain.calendar import moment_of
    from domain.errors import Aborted
    from domain.requests import Message
    from domain.status import Approval, Pause

# More would make a time that nobody can reckon with.
MOST_EXTENSIONS = 100


class Operator:
    """
    What the operators have said. Each message calls `changed`. Each wait begins with `before_wait`,
    also again when the history `is_long` meanwhile: messages may come without end.

    `no_way_back` is why an abort is refused; it is empty while there is a way back.
    """

    def __init__(
        self,
        changed: Callable[[], None],
        before_wait: Callable[[], None],
        is_long: Callable[[], bool],
    ) -> None:
        self._changed = changed
        self._before_wait = before_wait
        self._is_long = is_long
        self.paused: Pause | None = None
        self.approval: Approval | None = None
        self.aborted: Message | None = None
        self.waiting_for_approval = False
        # While blue is kept hot: how often that was extended by as long again, and who ended it.
        self.keeps_hot = False
        self.extended = 0
        self.park_now: Message | None = None
        self.no_way_back = ""
        self.seconds_paused = 0.0
        self.kept_notes = Notes()
        self.last: Message | None = None
        # This person asked for the release, so their approval does not count.
        self.requester = ""

    @property
    def notes(self) -> tuple[str, ...]:
        return self.kept_notes.words

    def note(self, words: str) -> None:
        self.kept_notes.add(words)

    async def gate(self) -> None:
        """Before each outward action: waits while paused. Raises Aborted."""
        while self.paused and not self.aborted:
            await self._paused(lambda: False)
        self.raise_if_aborted()

    async def _paused(self, interrupted: Callable[[], bool]) -> None:
        started = workflow.time()
        await workflow.wait_condition(
            lambda: self.paused is None or self.aborted is not None or interrupted()
        )
        self.seconds_paused += workflow.time() - started

    async def wait(
        self, seconds: float | None, until: Callable[[], bool] = lambda: False, *, summary: str
    ) -> bool:
        """
        The only wait there is: did `until` come true in time (None: for ever)?

        Time spent paused does not count. Raises Aborted as soon as an operator aborts.
        """
        left = seconds
        while not until() and (left is None or left > 0):
            self._before_wait()
            if self.paused and not self.aborted:
                await self._paused(self._is_long)
                continue
            self.raise_if_aborted()
            started = workflow.time()
            try:
                await workflow.wait_condition(
                    lambda: (
                        until()
                        or self.paused is not None
                        or self.aborted is not None
                        or self._is_long()
                    ),
                    timeout=None if left is None else timedelta(seconds=left),
                    timeout_summary=summary,
                )
            except TimeoutError:
                break
            left = None if left is None else left - (workflow.time() - started)
        await self.gate()
        return until()

    def raise_if_aborted(self) -> None:
        if self.aborted:
            reason = f": {self.aborted.reason}" if self.aborted.reason else ""
            raise Aborted(f"aborted by {self.aborted.by}{reason}")

    def ask(self, reason: str) -> None:
        """A person must decide: the run is paused until one resumes or aborts it."""
        now, reason = workflow.now().isoformat(), shortened(reason, LONGEST_NOTE)
        self.paused = self.paused or Pause(by="Ovenbird", reason=reason, since=now)
        self._changed()

    def status(self) -> dict[str, Any]:
        """The fields of Status that the operators decide."""
        return {
            "paused": self.paused,
            "aborted": self.aborted is not None,
            "can_abort": not self.why_no_abort(),
            "approved": self.approval,
            "waiting_for": "approve cutover" if self.waiting_for_approval else "",
            "by": self.last.by if self.last else "",
            "reason": self.last.reason if self.last else "",
            "notes": self.notes,
        }

    @contextmanager
    def keeping_hot(self) -> Iterator[None]:
        """While blue is kept at full size."""
        self.keeps_hot = True
        try:
            yield
        finally:
            self.keeps_hot = False

    def awaits_approval(self, waiting: bool) -> None:
        self.waiting_for_approval = waiting
        self._changed()

    def approves(self, message: Message) -> None:
        used = self.why_no_abort() and "it cannot be used any more"
        # It may not cut over before a moment that cannot be read.
        unread = not_a_moment(message.at) if message.at else ""
        why = self._why_not_theirs(message.by) or used or unread
        if why:
            self.note(f"an approval by {message.by} was ignored: {why}")
        elif self.approval is None:
            now = workflow.now()
            not_before = moment_of(message.at, now).isoformat() if message.at else None
            self.approval = Approval(
                by=message.by, reason=message.reason, at=now.isoformat(), not_before=not_before
            )
        self._said(message)

    def aborts(self, message: Message) -> None:
        if why := self.why_no_abort():
            self.note(f"an abort by {message.by} was refused: {why}")
        else:
            self.aborted = message
        self._said(message)

    def pauses(self, message: Message) -> None:
        if why := self.why_no_abort():
            self.note(f"a pause by {message.by} was ignored: {why}")
        else:
            since = workflow.now().isoformat()
            pause = Pause(by=message.by, reason=message.reason, since=since)
            self.paused = self.paused or pause
        self._said(message)

    def resumes(self, message: Message) -> None:
        self.paused = None
        self._said(message)

    def extends(self, message: Message) -> None:
        if why := self.why_no_extension():
            self.note(f"an extension by {message.by} was ignored: {why}")
        else:
            self.extended += 1
        self._said(message)

    def parks_now(self, message: Message) -> None:
        if why := self.why_not_hot():
            self.note(f"a request to park now, by {message.by}, was ignored: {why}")
        else:
            self.park_now = message
        self._said(message)

    def why_no_abort(self) -> str:
        return "it is aborted already" if self.aborted else self.no_way_back

    def why_not_hot(self) -> str:
        return "" if self.keeps_hot else "the old version is not being kept as large as it is now"

    def why_no_extension(self) -> str:
        often = self.extended >= MOST_EXTENSIONS
        return "it was extended a hundred times already" if often else self.why_not_hot()

    def why_no_approval(self, message: Message) -> str:
        if self.aborted or self.no_way_back:
            return self.why_no_abort()
        if self.approval:
            return f"it is approved already, by {self.approval.by}"
        if why := self._why_not_theirs(message.by):
            return why
        if not self.waiting_for_approval:
            return "it is not waiting for approval now"
        return not_a_moment(message.at) if message.at else ""

    def ask_another(self, requester: str) -> None:
        """`requester` cannot approve. Their approval does not count where it is there already."""
        self.requester = requester
        if self.approval and (why := self._why_not_theirs(self.approval.by)):
            self.note(f"an approval by {self.approval.by} was ignored: {why}")
            self.approval = None

    def _why_not_theirs(self, by: str) -> str:
        if self.requester and by in (self.requester, "unknown"):
            return f"{self.requester} asked for it, so somebody else must approve it, by name"
        return ""

    def _said(self, message: Message) -> None:
        self.last = message
        if message.malformed:
            self.note(
                f"a message came with an argument that was not understood: {message.malformed}"
            )
        self._changed()


def not_a_moment(text: str) -> str:
    """Why `text` is not a moment; empty where it is one."""
    try:
        moment_of(text, workflow.now())
    except ValueError as error:
        return str(error)
    return ""
