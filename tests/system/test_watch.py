"""The watch rolls back by itself: by the error rate, or by an alarm."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from demo.account import aws_calls
from tests.stacks import StackUnderTest
from tests.system.test_weighted import STEPS, weights

pytestmark = pytest.mark.shared_images
MakeStack = Callable[..., StackUnderTest]


async def test_a_version_that_cuts_connections_is_rolled_back_at_the_first_step(
    make_stack: MakeStack,
) -> None:
    """
    It is healthy, and gives no answer to one request in five: the balancer answers 502 in its
    place, which AWS counts in no metric of the target group.
    """
    watch = "error_rate = 0.05\nrequests = 20\nperiod = 1\n"
    stack = make_stack(balancer="weighted", load_balancer=STEPS, timeouts={"step": 30}, watch=watch)
    stack.repository.release("v1")
    stack.repository.release("v2-cuts", CUTS="0.2")
    await stack.release("v1")
    with stack.visitors(rate=60) as visitors:
        error = await stack.fails(await stack.start("v2-cuts"))
        tally = visitors.stop()

    assert error.type == "RolledBack"
    assert "the error rate of the new version is too high" in error.message
    assert "of them the load balancer's since no target answered" in error.message
    assert "watch.error_rate allows 5.0%" in error.message
    assert weights(stack) == {"one": 100, "two": 0}
    assert tally.failed < tally.sent * 0.1
    assert list(stack.groups()) == ["v1"]
    await ends_by_an_alarm(stack)


async def ends_by_an_alarm(stack: StackUnderTest) -> None:
    """It is read before any traffic is shifted."""
    stack.account.cloudwatch.put_metric_alarm(
        AlarmName="shop-is-sick",
        Namespace="Shop",
        MetricName="Sick",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    stack.account.cloudwatch.set_alarm_state(
        AlarmName="shop-is-sick", StateValue="ALARM", StateReason="test"
    )
    stack.configure("error_rate = 0.05", 'alarms = ["shop-is-sick"]\nerror_rate = 0.05')
    stack.account.forget_calls()
    error = await stack.fails(await stack.start("v2-cuts"))

    assert "rolled back by the watch: the alarm shop-is-sick is in ALARM" in error.message
    assert "ModifyListener" not in aws_calls(stack.account.calls())
