"""Failures of AWS during a bake: the operator reads the cause, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable

from demo.account import Snapshot, aws_calls
from tests.stacks import StackUnderTest
from tests.system.test_bake import of

MakeStack = Callable[..., StackUnderTest]
IMPATIENT = {"image": 2}


async def test_an_image_that_never_comes_is_removed(make_stack: MakeStack) -> None:
    stack = make_stack(timeouts=IMPATIENT)
    stack.repository.release("v1")
    stack.account.fault("image_pending", match={"name": f"app{stack.name[1:]}-"})
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "RolledBack"
    assert "is pending, and it was still so when the time for it was over" in error.message
    assert of(stack) == Snapshot()


async def test_too_many_snapshots_are_told_in_aws_own_words(stack: StackUnderTest) -> None:
    stack.repository.release("v1")
    stack.account.fault("error", "CreateImage", code="SnapshotLimitExceeded", status=400, times=1)
    error = await stack.fails(await stack.start("v1"))

    assert "AWS refused CreateImage: SnapshotLimitExceeded" in error.message
    assert of(stack) == Snapshot()


async def test_what_passes_after_a_while_or_elsewhere_fails_no_bake(stack: StackUnderTest) -> None:
    """A subnet without capacity, too many snapshots of one volume, an interface that lingers."""
    stack.repository.release("v1")
    empty = stack.infrastructure.subnets[0]
    stack.account.fault(
        "insufficient_capacity",
        match={"subnet": empty, "tags": f"app{stack.name[1:]}-"},
        times=None,
    )
    for action, code, times in (
        ("CreateImage", "ConcurrentSnapshotLimitExceeded", 2),
        ("DeleteSecurityGroup", "DependencyViolation", 3),
    ):
        stack.account.fault("error", action, code=code, status=400, times=times)
    stack.account.forget_calls()
    await stack.release("v1")

    calls = aws_calls(stack.account.calls())
    assert (calls.count("CreateImage"), calls.count("DeleteSecurityGroup")) == (3, 4)
    assert len(of(stack).images) == 1
    assert of(stack).security_groups == []


async def test_no_capacity_anywhere_is_told_with_the_last_subnet(stack: StackUnderTest) -> None:
    stack.repository.release("v1")
    stack.account.fault(
        "insufficient_capacity", match={"tags": f"app{stack.name[1:]}-"}, times=None
    )
    error = await stack.fails(await stack.start("v1"))

    assert (
        f"AWS has no t3.micro for the builder in {stack.infrastructure.subnets[1]}" in error.message
    )
    assert of(stack) == Snapshot()
