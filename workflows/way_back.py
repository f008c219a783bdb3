"""The way back: undo in reverse what was registered before each action, and end honestly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Protocol

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.checklist import sentence
from workflows.failures import FAILURES, caused_by, describe, ends_a_run, shielded
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from domain.continued import WayBackState
    from domain.ending import Ending
    from domain.errors import DIRTY, ROLLED_BACK, NotRestored
    from domain.facts import Facts
    from domain.undo import AnyUndo

ROLL_BACK = "Roll back: blue serves exactly as before, what was made for green is gone"
ROLLING_BACK = "it is being rolled back already"
PARKING = (
    "the point of no return has passed: the old deployment is being parked; "
    "use rollback once this release has ended"
)


class Registers(Protocol):
    """All that a step needs of the way back."""

    def register(self, undo: AnyUndo) -> None: ...


class WayBack:
    """
    `compensate` carries out one compensation. `tell` is called with the reason after the last one,
    and then `look`, with whether all was undone: the run ends by what it sees.

    The stack of compensations is data, so that a run can continue as new and still go back.
    """

    def __init__(
        self,
        run: Run,
        facts: Facts,
        compensate: Callable[[AnyUndo], Awaitable[None]],
        tell: Callable[[str], Awaitable[None]],
        look: Callable[[bool], Coroutine[Any, Any, Ending]],
        state: WayBackState,
    ) -> None:
        self.run = run
        self._facts = facts
        self._compensate = compensate
        self._tell = tell
        self._look = look
        self._stack: list[AnyUndo] = list(state.undo)
        self._reason = state.reason
        self._left: list[AnyUndo] = list(state.left)

    def state(self) -> WayBackState:
        return WayBackState(undo=tuple(self._stack), reason=self._reason, left=tuple(self._left))

    def register(self, undo: AnyUndo) -> None:
        """
        Before the action that it undoes: a lost reply must not lose the way back. Once, where a run
        that was continued as new registers it again.
        """
        if undo not in self._stack:
            self._stack.append(undo)

    @asynccontextmanager
    async def on_failure(self) -> AsyncIterator[None]:
        """
        Take the way back when anything fails inside this block. After the block there is none. A
        bug in workflow code waits for fixed code, until an operator aborts.

        Raises ApplicationError: RolledBack where blue serves exactly as before and nothing is left,
        else Dirty with the list of what is left.
        """
        if self._reason is not None:
            raise await self._taken(self._reason)
        try:
            yield
        except (Exception, asyncio.CancelledError) as error:
            if not ends_a_run(error, self.run.operator.aborted):
                raise
            # Without the cause: the history has it, and the reason stands in the message.
            raise await self._taken(describe(error)) from None
        self.run.operator.no_way_back = PARKING
        self.run.chain.continues_no_more()

    async def _taken(self, reason: str) -> ApplicationError:
        """The ending, when all is undone. A cancel has no effect."""
        self._reason = reason
        self.run.operator.no_way_back = ROLLING_BACK
        await shielded(self._roll_back(reason), self.run.note)
        ending = await shielded(self._look(not self._left), self.run.note)
        return self._ended_badly(reason, ending)

    @sentence(ROLL_BACK, phase="rolling_back")
    async def _roll_back(self, reason: str) -> None:
        """Each compensation by itself. What AWS refused until the time was over is left."""
        while self._stack:
            undo = self._stack[-1]
            self.run.checklist.note(undo.what)
            try:
                await self._compensate(undo)
                self._stack.pop()
            except FAILURES as error:
                self.run.note(f"could not {undo.what}: {describe(error)}; by hand: {undo.by_hand}")
                self._left.append(self._stack.pop())
                if undo.vital or caused_by(error, NotRestored):
                    self._left += reversed(self._stack)
                    self._stack.clear()
        await self._tell(reason)

    def _ended_badly(self, reason: str, ending: Ending) -> ApplicationError:
        left, stack, blue = self._left, self._facts.stack.name, self._facts.blue
        serving = f"{stack} serves {blue.tag if blue else 'nothing,'} as before"
        todo = [{"what": undo.what, "by_hand": undo.by_hand} for undo in left]
        if left:
            seen = ending.broken or f"{serving} ({ending.who})"
            lines = [
                f"{reason}. The way back failed: {seen}. Left to do, once AWS lets you:",
                *(f"  {undo.what}: {undo.by_hand}" for undo in left),
            ]
            self.run.ends("dirty", "\n".join(lines))
        elif ending.broken:
            self.run.ends("dirty", f"{reason}. Everything is undone, and yet {ending.broken}")
            todo = [{"what": ending.broken, "by_hand": f"ovenbird sweep {stack}"}]
        else:
            done = f"{reason}. Rolled back: {serving} ({ending.who}), nothing is left behind"
            self.run.ends("rolled_back", done)
        details = {
            "stack": stack,
            "tag": self._facts.version.tag,
            "reason": reason,
            "left": todo,
        }
        kind = DIRTY if left or ending.broken else ROLLED_BACK
        return ApplicationError(self.run.outcome, details, type=kind, non_retryable=True)
