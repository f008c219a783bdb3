"""Sentence ten: prune all but the last deployments. Nothing here may fail the release."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from temporalio import workflow

from workflows.checklist import sentence
from workflows.failures import shielded
from workflows.run import Run
from workflows.steps.removal import Removal

with workflow.unsafe.imports_passed_through():
    from domain.facts import Facts
    from domain.models import Deployment, Image, State

PRUNE = "Prune all but the last five deployments: groups, templates, images, snapshots"


class Pruning:
    def __init__(self, run: Run, facts: Facts) -> None:
        self.run = run
        self._facts = facts

    @sentence(PRUNE, phase="pruning")
    async def prune(
        self, deployments: Sequence[Deployment], images: Iterable[Image]
    ) -> tuple[str, ...]:
        """
        `deployments` and `images` are those of the stack and of its application in its own region.

        Returns what is gone. What cannot be pruned is named in the notes, and the next release
        tries it again. A cancel has no effect here.
        """
        return await shielded(self._prune(deployments, images), self.run.note)

    async def _prune(
        self, deployments: Sequence[Deployment], images: Iterable[Image]
    ) -> tuple[str, ...]:
        green = self._facts.green
        serving = [d.name for d in deployments if d.state is State.SERVING]
        if serving != [green]:
            shown = ", ".join(serving) or "nobody"
            self.run.note(f"nothing was pruned: AWS shows {shown} as serving, not {green}")
            self.run.checklist.skip("AWS does not show what it should")
            return ()
        removal = Removal(self.run, self._facts.stack, self.run.certainly)
        await removal.remove(deployments, images)
        self.run.checklist.note(removal.outcome)
        return tuple(verdict.name for verdict in removal.gone)
