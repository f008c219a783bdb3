"""A stack behind a network load balancer: the strategy attach, with connections, not requests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stacks import StackUnderTest, new_tags

pytestmark = pytest.mark.shared_images
MakeStack = Callable[..., StackUnderTest]


async def test_a_release_and_a_rollback_behind_a_network_balancer_lose_no_request(
    make_stack: MakeStack,
) -> None:
    """It ends no connection: one that is kept stays with its instance until that ends."""
    stack = make_stack(balancer="network")
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    with stack.visitors(keep_alive=False) as visitors:
        await stack.release("v2")
        assert stack.groups()["v2"]["TargetGroupARNs"] == [stack.infrastructure.target_group_arn]
        result = await (await stack.start_rollback()).result()
        tally = visitors.stop()

    assert result["tag"] == "v1"
    assert tally.failed == 0, tally.failures


async def test_what_counts_requests_is_refused_where_there_are_none(make_stack: MakeStack) -> None:
    stack = make_stack(
        balancer="network",
        watch="error_rate = 0.01",
        top='scaling = [{ metric = "requests", target = 100 }]',
    )
    stack.repository.release("v1")
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "Refused"
    assert (
        f"the target group {stack.infrastructure.target_group} counts connections, not requests"
        in error.message
    )
    assert stack.groups() == {}
