"""A workflow type that does not exist, started on this task queue: it must not hold a lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

from workflows.admission import refused_on_failure
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from domain.errors import InvalidRequest
    from domain.status import Status

# The names of all others. Without their modules, which this one need not load.
TYPES = (
    "AdoptWorkflow",
    "BakeWorkflow",
    "CandidatesWorkflow",
    "DiffWorkflow",
    "DoctorWorkflow",
    "HistoryWorkflow",
    "ImageWorkflow",
    "PlanWorkflow",
    "PrunePlanWorkflow",
    "PruneWorkflow",
    "ReleaseWorkflow",
    "RollbackWorkflow",
    "SweepStackWorkflow",
    "SweepWorkflow",
)
LONGEST_TYPE = 100


@workflow.defn(dynamic=True)
class UnknownWorkflow:
    """Temporal gives it every type that the worker does not have. Its payloads are never read."""

    def __init__(self) -> None:
        self._run = Run("unknown")

    @workflow.run
    async def run(self, _: Sequence[RawValue]) -> None:
        """Raises Refused. Without an end Temporal would ask for that type again and again."""
        asked = workflow.info().workflow_type[:LONGEST_TYPE]
        with refused_on_failure(self._run):
            raise InvalidRequest(
                f"there is no workflow type {asked!r}: nothing was done. "
                f"There are {', '.join(TYPES)}"
            )

    @workflow.query(description="That it was refused, as docs/status.schema.json describes it.")
    def status(self, *_: Any) -> Status:
        return self._run.status()
