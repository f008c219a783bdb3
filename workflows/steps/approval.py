"""Sentence seven: wait for "approve cutover" where the stack asks for it."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from workflows.checklist import sentence
from workflows.run import Run
from workflows.steps.windows import Windows

with workflow.unsafe.imports_passed_through():
    from domain.errors import ApprovalExpired
    from domain.facts import Facts


class Approval:
    """`until_approval` tells an approver who gets the traffic while it waits."""

    def __init__(self, run: Run, facts: Facts, windows: Windows, until_approval: str) -> None:
        self.run = run
        self._facts = facts
        self._windows = windows
        self._until_approval = until_approval

    @sentence('Wait for "approve cutover" where the stack asks for it', phase="waiting_approval")
    async def wait(self) -> None:
        """Raises ApprovalExpired where nobody approved in time and the stack rolls back then."""
        if not self._facts.approval:
            await self._windows.until_open()
            self.run.checklist.skip("the stack asks for none")
            return
        self.run.checklist.note(self._until_approval if self._facts.blue else "")
        self.run.operator.awaits_approval(True)
        try:
            await self._until_approved()
        finally:
            self.run.operator.awaits_approval(False)
        approval = self.run.operator.approval
        if approval is None:
            self.run.note(f"{self._nobody}: cut over all the same")
            return
        reason = f": {approval.reason}" if approval.reason else ""
        self.run.checklist.note(f"approved by {approval.by}{reason}")
        await self._windows.until_open(approval.not_before)
        self.run.checklist.note(f"approved by {approval.by}{reason}")

    async def _until_approved(self) -> None:
        then = self._facts.stack.approving.when_expired
        with self.run.timed("approval") as stopwatch:
            left = self.run.timeouts.approval - stopwatch.seconds
            if await self._approved_within(left):
                return
            if then == "roll_back":
                raise ApprovalExpired(self._nobody)
            if then == "keep_waiting":
                self.run.checklist.note(f"{self._nobody}: it keeps waiting")
                await self._approved_within(None)

    async def _approved_within(self, seconds: float | None) -> bool:
        operator = self.run.operator
        return await operator.wait(
            seconds, until=lambda: operator.approval is not None, summary="until approve_cutover"
        )

    @property
    def _nobody(self) -> str:
        return f"nobody approved the cutover within {timedelta(seconds=self.run.timeouts.approval)}"
