"""When a cutover may begin: windows, freezes, and the moment that an approval names."""

from __future__ import annotations

from datetime import datetime

from temporalio import workflow

from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from domain.calendar import opens_at
    from domain.errors import NoCutoverWindow
    from domain.facts import Facts


class Windows:
    def __init__(self, run: Run, facts: Facts) -> None:
        self._run = run
        self._facts = facts

    async def until_open(self, not_before: str | None = None) -> None:
        """
        Wait until the cutover may begin; not before the ISO 8601 moment `not_before`.

        A rollback waits for nothing. Raises NoCutoverWindow where none opens within a year.
        """
        cutover = self._facts.stack.cutover
        if not self._facts.waits_for_windows:
            return
        if not (cutover.windows or cutover.freezes or not_before):
            return
        freezes = [(freeze.begin, freeze.end) for freeze in cutover.freezes]
        while True:
            now = workflow.now()
            earliest = max(now, datetime.fromisoformat(not_before)) if not_before else now
            urgent = self._facts.urgent
            opens = earliest if urgent else opens_at(earliest, cutover.windows, freezes)
            if opens is None:
                raise NoCutoverWindow(
                    "no cutover may begin within a year: see cutover.windows and cutover.freezes"
                )
            if opens <= now:
                return
            self._run.checklist.note(f"the cutover may begin at {opens:%Y-%m-%d %H:%M} UTC")
            seconds = (opens - now).total_seconds()
            await self._run.operator.wait(seconds, summary="until the cutover may begin")
