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


@pytest.mark.shared_images
async def test_a_version_that_falls_ill_while_it_is_watched_is_rolled_back(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """Blue has left the balancer by then. It must be healthy in it again before green leaves."""
    stack = make_stack(timeouts={"healthy": 30})
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    stack.set_timeouts(soak=30)
    before = stack.snapshot()
    handle = await stack.start("v2")
    await stack.until(
        lambda status: status["phase"] == "watching" and not status["blue"]["in_balancer"]
    )
    for machine in stack.account.machines():
        if machine["id"] in [i["InstanceId"] for i in stack.groups()["v2"]["Instances"]]:
            stack.account._control("POST", f"instances/{machine['id']}/kill")
    error = await stack.fails(handle)

    assert error.type == "RolledBack"
    assert stack.snapshot() == before


@pytest.mark.shared_images
async def test_no_capacity_is_told_in_aws_own_words_and_rolled_back(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    stack = make_stack(timeouts={"healthy": 2})
    stack.repository.release("v1")
    stack.account.fault("insufficient_capacity", match={"tags": f"{stack.name}-v1"}, times=None)
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "RolledBack"
    assert "We currently do not have sufficient t3.micro capacity" in error.message
    assert stack.snapshot().groups == {}


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
