"""Continue a run as new before its history becomes too long, with the state of its way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio import workflow

from workflows.operator import Operator
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from domain.continued import Continued, OperatorState, RunState, WayBackState, WorldState
    from domain.facts import Facts
    from domain.images import BakeIdentity
    from domain.models import Image
    from domain.requests import Undecodable


def restored(run: Run, values: tuple[Any, ...]) -> Continued | None:
    """
    What the run before carried over, once `run` has it; None in the first run of a chain.

    Temporal itself says that a run was continued: no message and no input of a person can. A run
    of a cron schedule or of a retry policy has a run before it too, and the input of that one.
    """
    if not workflow.info().continued_run_id or not _is_plain():
        return None
    carried = values[1]
    if isinstance(carried, Undecodable):
        # What a run carries over may be larger than any message that a worker reads.
        state = Continued.model_validate_json(carried.data)
    else:
        state = Continued.model_validate(carried)
    _restore(run, state.run)
    return state


def begun(
    run: Run, facts: Facts, identity: BakeIdentity | None = None, image: Image | None = None
) -> Continued:
    """The state of a run that has made nothing yet."""
    blue = {facts.blue.name: facts.blue.group} if facts.blue else {}
    return Continued(
        facts=facts,
        run=run_state(run),
        world=WorldState(groups=blue, green_percent=0 if facts.blue else 100),
        way_back=WayBackState(),
        identity=identity,
        image=image,
    )


def continue_when_long(run: Run, request: Any, state: Callable[[], Continued]) -> None:
    """`request` is the input of the first run; `state` is asked for when the time has come."""
    if not _is_plain():
        return

    def continue_as_new() -> None:
        workflow.continue_as_new(args=[request, state().model_dump(mode="json")])

    run.chain.continues_with(continue_as_new)


def _is_plain() -> bool:
    """Started without a cron schedule and a retry policy, which have further runs of their own."""
    me = workflow.info()
    return not (me.cron_schedule or me.retry_policy)


def run_state(run: Run) -> RunState:
    return RunState(
        phase=run.phase,
        subject=run.subject,
        timeouts=run.timeouts,
        bullets=run.checklist.bullets,
        ledger=run.ledger.entries,
        touched=run.ledger.touched,
        operator=_operator_state(run.operator),
        bake=run.bake,
        waits=run.chain.waits,
        done=run.chain.done,
    )


def _restore(run: Run, state: RunState) -> None:
    run.phase, run.timeouts = state.phase, state.timeouts
    run.subject, run.bake = state.subject, state.bake
    run.chain.restore(state.waits, state.done)
    run.checklist.restore(state.bullets)
    run.ledger.restore(state.ledger, state.touched)
    _restore_operator(run.operator, state.operator)
    run.show()


def _operator_state(operator: Operator) -> OperatorState:
    return OperatorState(
        paused=operator.paused,
        approval=operator.approval,
        aborted=operator.aborted,
        last=operator.last,
        requester=operator.requester,
        extended=operator.extended,
        park_now=operator.park_now,
        no_way_back=operator.no_way_back,
        seconds_paused=operator.seconds_paused,
        notes=tuple(operator.kept_notes.kept),
        more_notes=operator.kept_notes.left_out,
        waiting_for_approval=operator.waiting_for_approval,
        keeps_hot=operator.keeps_hot,
    )


def _restore_operator(operator: Operator, state: OperatorState) -> None:
    operator.paused, operator.approval = state.paused, state.approval
    operator.aborted, operator.last = state.aborted, state.last
    operator.waiting_for_approval, operator.keeps_hot = state.waiting_for_approval, state.keeps_hot
    operator.extended, operator.park_now = state.extended, state.park_now
    operator.no_way_back, operator.seconds_paused = state.no_way_back, state.seconds_paused
    operator.kept_notes.restore(state.notes, state.more_notes)
    operator.requester = state.requester
