"""I7: what an operator says is final and takes effect at once, as signal and as update."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from tests.shared_images import APPLICATION
from tests.stacks import StackUnderTest, new_tags, unbaked

pytestmark = pytest.mark.shared_images


@pytest.fixture
async def serving(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
    """A stack that serves v1, asks for an approval, and watches for 20 s."""
    stack = make_stack(
        top="approval = true",
        capacity="min = 1\nmax = 8\ndesired = 2",
    )
    new_tags(stack, "v1", "v2", unbaked(stack))
    await stack.release("v1")
    stack.set_timeouts(soak=20)
    return stack


async def test_an_abort_at_every_wait_restores_blue_exactly(serving: StackUnderTest) -> None:
    """During the bake, the health wait, the approval and the watch; accepted within 2 s each."""
    before = serving.snapshot()
    for phase in ("baking", "waiting_healthy", "waiting_approval", "watching"):
        handle = await serving.start(unbaked(serving) if phase == "baking" else "v2")
        if phase == "watching":
            await handle.signal("approve_cutover")
        await serving.until_phase(phase)
        if phase == "baking":
            await serving.until(lambda status: bool(status["bake"]))
        started = time.monotonic()
        await handle.execute_update(
            "abort_and_roll_back", {"by": "ann", "reason": f"seen enough while {phase}"}
        )
        assert time.monotonic() - started < 2
        error = await serving.fails(handle)

        assert error.type == "RolledBack"
        assert f"aborted by ann: seen enough while {phase}" in error.message
        assert serving.snapshot() == before
        status = await serving.status()
        assert status["aborted"]


async def test_an_abort_that_nobody_else_waits_for_ends_the_bake_and_leaves_nothing(
    serving: StackUnderTest,
) -> None:
    handle = await serving.start(unbaked(serving))
    status = await serving.until(lambda status: bool(status["bake"]))
    await handle.signal("abort_and_roll_back", "text instead of an object")
    error = await serving.fails(handle)
    bake = serving.theatre.client.get_workflow_handle(status["bake"]["workflow_id"])
    ended = await serving.fails(bake)

    assert "text instead of an object" in error.message
    assert ended.type == "Abandoned"
    left = serving.account.snapshot(only=APPLICATION)
    assert left.security_groups == []
    assert not [name for name in left.images.values() if unbaked(serving) in name]


async def test_pause_stops_before_the_next_action_and_resume_goes_on(
    serving: StackUnderTest,
) -> None:
    handle = await serving.start("v2")
    await handle.execute_update("pause", {"by": "ann", "reason": "lunch"})
    paused = await serving.status()
    await handle.signal("approve_cutover")
    serving.account.forget_calls()
    await asyncio.sleep(1.5)
    later = await serving.status()

    assert paused["paused"]["by"] == "ann"
    assert later["phase"] == paused["phase"]
    assert "CreateAutoScalingGroup" not in str(serving.account.calls())
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update("pause", {})
    assert "paused already" in str(caught.value.cause)
    assert await handle.execute_update("resume", {"by": "ann"}) == "resumed"
    await serving.until_phase("watching")
    await handle.signal("abort_and_roll_back")
    await serving.fails(handle)


async def test_updates_are_refused_with_the_reason_and_signals_are_kept(
    serving: StackUnderTest,
) -> None:
    """An approval before the gate: refused as an update, kept as a signal."""
    handle = await serving.start("v2")
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update("approve_cutover", {"by": "ann"})
    assert "not waiting for approval" in str(caught.value.cause)
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("resume", {})
    await handle.signal("approve_cutover", args=[{"by": "bob"}, {"more": "than asked"}])
    status = await serving.until_phase("watching")

    assert "approved by bob" in str(status["bullets"])
    assert "more" in str(status["notes"])
    await handle.signal("abort_and_roll_back")
    await serving.fails(handle)


async def test_cancelling_the_workflow_rolls_back_like_an_abort(serving: StackUnderTest) -> None:
    before = serving.snapshot()
    handle = await serving.start("v2")
    await serving.until_phase("waiting_approval")
    await handle.cancel(reason="the pipeline was stopped")
    error = await serving.fails(handle)

    assert error.type == "RolledBack"
    assert "the pipeline was stopped" in error.message
    assert serving.snapshot() == before


async def test_an_approval_that_never_comes_rolls_back(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    stack = make_stack(top="approval = true", timeouts={"approval": 0.5})
    stack.repository.release("v1")
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "RolledBack"
    assert "nobody approved the cutover" in error.message


async def test_behind_the_point_of_no_return_an_abort_is_refused_with_the_reason(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """A slow call holds up the parking, so that the abort and the cancel arrive during it."""
    stack = make_stack()
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    handle = await stack.start("v2")
    stack.account.fault("latency", "CreateOrUpdateTags", seconds=4)
    await stack.until_phase("parking")
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update("abort_and_roll_back", {"by": "ann"})
    await handle.cancel(reason="too late")
    result: dict[str, Any] = await handle.result()

    assert "point of no return" in str(caught.value.cause)
    assert "no effect" in str(result["notes"])
    assert stack.groups()["v2"]["DesiredCapacity"] == 2
    assert stack.groups()["v1"]["DesiredCapacity"] == 0
