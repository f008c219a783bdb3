"""A stack behind a network load balancer: the strategy attach, with connections in place of requests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import StackUnderTest

pytestmark = pytest.mark.shared_images
MakeStack = Callable[..., StackUnderTest]


async def test_a_release_and_a_rollback_behind_a_network_balancer_lose_no_request(
    make_stack: MakeStack,
) -> None:
    """A balancer of connections ends none: who keeps one is with the old version until its instance ends."""
    stack = make_stack(balancer="network")
    for tag in ("v1", "v2"):
        stack.repository.release(tag)
    await stack.release("v1")
    with stack.traffic(keep_alive=False) as users:
        await stack.release("v2")
        assert stack.groups()["v2"]["TargetGroupARNs"] == [stack.infrastructure.target_group_arn]
        result = await (await stack.start_rollback()).result()
        tally = users.stop()

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
