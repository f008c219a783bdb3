"""I7: what an operator says is final and takes effect at once, as signal and as update."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

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
    bake = ""
    for phase in ("baking", "waiting_healthy", "waiting_approval", "watching"):
        handle = await serving.start(unbaked(serving) if phase == "baking" else "v2")
        if phase == "watching":
            await handle.signal("approve_cutover")
        await serving.until_phase(phase)
        if phase == "baking":
            baking = await serving.until(lambda status: bool(status["bake"]))
            bake = baking["bake"]["workflow_id"]
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
    await ends_and_leaves_nothing(serving, bake)


async def ends_and_leaves_nothing(stack: StackUnderTest, bake: str) -> None:
    """The bake, for which nobody waits any more."""
    ended = await stack.fails(stack.theatre.client.get_workflow_handle(bake))
    assert ended.type == "Abandoned"
    left = stack.account.snapshot(only=APPLICATION)
    assert left.security_groups == []
    assert not [name for name in left.images.values() if unbaked(stack) in name]
