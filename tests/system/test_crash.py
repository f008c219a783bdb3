"""I6: a worker killed at any instant changes nothing about how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from demo.account import aws_calls
from tests.conftest import StackUnderTest

TIMEOUTS = "first_poll = 0.3\npoll = 1\nconfirm = 0.2\nhealthy = 60\nsoak = 1\ndrain = 60\n"


@pytest.mark.parametrize("phase", ["baking", "waiting_healthy", "draining", "pruning"])
async def test_a_killed_worker(make_stack: Callable[..., StackUnderTest], phase: str) -> None:
    """No request fails, nothing is left behind, no builder is launched twice, and another worker takes over in seconds."""
    stack = make_stack(timeouts=TIMEOUTS, retention="deployments = 2")
    tags = ["v0", "v1", "v2"] if phase == "pruning" else ["v1", "v2"]
    for tag in tags:
        stack.repository.release(tag)
    for tag in tags[:-1]:
        await stack.release(tag)
    stack.account.forget_calls()
    if phase == "draining":
        # Something is in flight for as long as the deregistration delay says: it is not over before the kill.
        stack.account.elbv2.modify_target_group_attributes(
            TargetGroupArn=stack.infrastructure.target_group_arn,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}],
        )
    if phase == "pruning":
        stack.account.fault("latency", "DeleteAutoScalingGroup", seconds=3)
    with stack.traffic() as traffic:
        handle = await stack.start("v2")
        await stack.until_phase(phase)
        stack.theatre.worker.kill()
        killed = time.monotonic()
        assert stack.theatre.worker
        result = await handle.result()
        tally = traffic.stop()

    assert tally.failures == [], (tally.failures[0], tally.failures[-1], tally.sent)
    actions = aws_calls(
        [call for call in stack.account.calls() if call["outcome"].startswith("ok")]
    )
    assert (
        actions.count("RunInstances")
        == actions.count("CreateImage")
        == actions.count("CreateAutoScalingGroup")
        == 1
    )
    assert actions.count("SendCommand") == 2
    left = stack.account.snapshot(only=stack.name + "-")
    assert len(left.groups) == len(left.templates) == 2, result["notes"]
    assert len(left.instances) == len(left.groups[result["deployment"]]["instances"]) == 2
    assert not [
        name for name in stack.account.snapshot().security_groups if f"app{stack.name[1:]}" in name
    ]
    assert time.monotonic() - killed < 60
