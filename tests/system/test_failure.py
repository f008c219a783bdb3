"""A release that fails leaves blue serving exactly as before, and nothing behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stacks import StackUnderTest, new_tags

FAILING = """START="python3 app.py"
BUILD="echo compiling; echo no rule to make target >&2; exit 3"
"""


@pytest.mark.shared_images
async def test_an_unhealthy_version_is_rolled_back(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """I1, I2, I3: blue is as before in every detail, and nothing of green is left but its image."""
    stack = make_stack(capacity="min = 1\nmax = 8\ndesired = 2")
    new_tags(stack, "v1")
    stack.repository.release("sick", SICK="yes")
    await stack.release("v1")
    stack.set_timeouts(healthy=2)
    before = stack.snapshot()
    with stack.visitors() as visitors:
        error = await stack.fails(await stack.start("sick"))
        tally = visitors.stop()

    assert error.type == "RolledBack"
    assert "503" in error.message
    assert f"{stack.name} serves v1 as before" in error.message
    assert tally.failures == []
    assert set(tally.versions) == {"v1"}
    assert stack.snapshot() == before
    status = await stack.status()
    assert status["phase"] == "rolled_back"
    assert status["bullets"][-1]["mark"] == "done"


async def test_a_failing_script_fails_the_bake_with_its_last_lines_and_leaves_nothing(
    stack: StackUnderTest,
) -> None:
    stack.repository.release(
        "v1",
        ovenbird__env=FAILING,
    )
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "RolledBack"
    assert "exit code 3" in error.message
    assert "no rule to make target" in error.message
    assert "s3://" in error.message
    left = stack.account.snapshot()
    assert [name for name in left.security_groups if f"app{stack.name[1:]}" in name] == []
    assert [name for name in left.images.values() if f"app{stack.name[1:]}" in name] == []
    assert [label for label in left.instances.values() if f"app{stack.name[1:]}" in label] == []


async def test_an_image_that_fails_is_removed_with_its_snapshot(stack: StackUnderTest) -> None:
    stack.repository.release("v1")
    application = f"app{stack.name[1:]}"
    stack.account.fault("image_failed", match={"name": application})
    error = await stack.fails(await stack.start("v1"))

    assert "Snapshot creation failed" in error.message
    assert stack.account.snapshot(only=f"ovenbird/{application}").images == {}
    assert (await stack.release("v1"))["tag"] == "v1"
