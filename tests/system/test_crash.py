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


@pytest.mark.parametrize("phase", ["baking", "waiting_healthy", "draining", "pruning"])
async def test_a_killed_worker(make_stack: Callable[..., StackUnderTest], phase: str) -> None:
    """
    Another worker takes over within seconds.

    No request fails, nothing is left behind, and no builder is launched twice.
    """
    stack = make_stack(timeouts={"poll": 1, "soak": 1}, retention="deployments = 2")
    tag = unbaked(stack) if phase == "baking" else "v2"
    new_tags(stack, "v0", "v1", tag)
    for earlier in ("v0", "v1") if phase == "pruning" else ("v1",):
        await stack.release(earlier)
    stack.account.forget_calls()
    hold_up(stack, phase)
    with stack.visitors() as visitors:
        handle = await stack.start(tag)
        await stack.until_phase(phase)
        stack.theatre.worker.kill()
        killed = time.monotonic()
        assert stack.theatre.worker
        result = await handle.result()
        tally = visitors.stop()

    assert tally.failures == [], (tally.failures[0], tally.failures[-1], tally.sent)
    assert_made_once(stack, bakes=phase == "baking")
    left = stack.snapshot()
    assert len(left.groups) == len(left.templates) == 2, result["notes"]
    assert len(left.instances) == len(left.groups[result["deployment"]]["instances"]) == 2
    assert not [name for name in stack.account.snapshot().security_groups if APPLICATION in name]
    assert time.monotonic() - killed < 60


def hold_up(stack: StackUnderTest, phase: str) -> None:
    """So that the phase is not over before the worker is killed."""
    if phase == "draining":
        # A target drains for as long as this delay if a request is in flight.
        stack.account.elbv2.modify_target_group_attributes(
            TargetGroupArn=stack.infrastructure.target_group_arn,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}],
        )
    if phase == "pruning":
        stack.account.fault("latency", "DeleteAutoScalingGroup", seconds=3)


def assert_made_once(stack: StackUnderTest, *, bakes: bool) -> None:
    """Unless it must bake: it does where no test before it has baked the tag."""
    actions = Counter(
        aws_calls([call for call in stack.account.calls() if call["outcome"].startswith("ok")])
    )
    baked = actions["CreateImage"]
    assert baked == 1 if bakes else baked in (0, 1)
    assert (actions["RunInstances"], actions["SendCommand"]) == (baked, 2 * baked)
    assert actions["CreateAutoScalingGroup"] == 1
