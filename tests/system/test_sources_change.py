"""The image or the git tag changes during a release."""

from __future__ import annotations

from collections.abc import Callable

from tests.stacks import StackUnderTest


async def test_an_image_that_somebody_deregisters_is_told_in_aws_own_words(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    stack = make_stack(timeouts={"healthy": 3})
    stack.repository.release("v1")
    stack.account.fault("latency", "CreateAutoScalingGroup", seconds=1.5)
    handle = await stack.start("v1")
    await stack.until_phase("launching")
    (image,) = stack.account.snapshot(only=f"ovenbird/app{stack.name[1:]}").images
    stack.account.ec2.deregister_image(ImageId=image)
    error = await stack.fails(handle)

    assert error.type == "RolledBack"
    assert image in error.message
    assert stack.snapshot().groups == {}


async def test_a_tag_that_is_moved_under_a_release_does_not_move_the_release(
    stack: StackUnderTest,
) -> None:
    """The commit is resolved once. That commit is baked and serves."""
    meant = stack.repository.release("v1")
    stack.account.fault("latency", "CreateSecurityGroup", seconds=1.5)
    handle = await stack.start("v1")
    await stack.until(lambda status: bool(status["bake"]))
    stack.repository.move("v1", VERSION="moved")
    result = await handle.result()
    with stack.visitors() as visitors:
        tally = visitors.stop()

    assert result["commit"] == meant
    assert set(tally.versions) <= {"v1"}
