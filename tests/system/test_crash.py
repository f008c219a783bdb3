"""I6: a worker killed at any instant changes nothing about how it ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest

from demo.account import aws_calls
from tests.shared_images import APPLICATION
from tests.stacks import StackUnderTest, new_tags, unbaked

pytestmark = pytest.mark.shared_images


async def test_a_worker_that_is_killed_in_each_phase_of_a_release(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """
    Another worker takes over within seconds.

    No request fails, nothing is left behind, and no builder is launched twice.
    """
    stack = make_stack(timeouts={"poll": 1, "soak": 1}, retention="deployments = 2")
    tag = unbaked(stack)
    new_tags(stack, "v0", "v1", tag)
    for earlier in ("v0", "v1"):
        await stack.release(earlier)
    stack.account.forget_calls()
    hold_up(stack)
    with stack.visitors() as visitors:
        handle = await stack.start(tag)
        for phase in ("baking", "waiting_healthy", "draining", "pruning"):
            await stack.until_phase(phase)
            stack.theatre.worker.kill()
            assert stack.theatre.worker
        killed = time.monotonic()
        result = await handle.result()
        tally = visitors.stop()

    assert tally.failures == [], (tally.failures[0], tally.failures[-1], tally.sent)
    assert_made_once(stack)
    left = stack.snapshot()
    assert len(left.groups) == len(left.templates) == 2, result["notes"]
    assert len(left.instances) == len(left.groups[result["deployment"]]["instances"]) == 2
    assert not [name for name in stack.account.snapshot().security_groups if APPLICATION in name]
    assert time.monotonic() - killed < 60


def hold_up(stack: StackUnderTest) -> None:
    """So that no phase is over before the worker is killed."""
    # A target drains for as long as this delay if a request is in flight.
    stack.account.elbv2.modify_target_group_attributes(
        TargetGroupArn=stack.infrastructure.target_group_arn,
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}],
    )
    # The mark is the second call of these: the first one is blue's, while green launches.
    stack.account.fault("latency", "CreateOrUpdateTags", seconds=3, times=2)
    stack.account.fault("latency", "DeleteAutoScalingGroup", seconds=3)


def assert_made_once(stack: StackUnderTest) -> None:
    actions = Counter(
        aws_calls([call for call in stack.account.calls() if call["outcome"].startswith("ok")])
    )
    assert (actions["CreateImage"], actions["RunInstances"], actions["SendCommand"]) == (1, 1, 2)
    assert actions["CreateAutoScalingGroup"] == 1
