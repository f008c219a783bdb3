"""The watch rolls back by itself: by the error rate, or by an alarm. If in doubt it asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from demo.account import aws_calls
from tests.stacks import StackUnderTest, new_tags
from tests.system.test_weighted import STEPS, weights

pytestmark = pytest.mark.shared_images
MakeStack = Callable[..., StackUnderTest]


async def test_a_version_that_serves_errors_is_rolled_back_at_the_first_step(
    make_stack: MakeStack,
) -> None:
    """It is healthy, and one answer of five is an error."""
    watch = "error_rate = 0.05\nrequests = 20\nperiod = 1\n"
    stack = make_stack(balancer="weighted", load_balancer=STEPS, timeouts={"step": 30}, watch=watch)
    stack.repository.release("v1")
    stack.repository.release("v2-errors", ERRORS="0.2")
    await stack.release("v1")
    with stack.visitors(rate=60) as visitors:
        error = await stack.fails(await stack.start("v2-errors"))
        tally = visitors.stop()

    assert error.type == "RolledBack"
    assert "the error rate of the new version is too high" in error.message
    assert "watch.error_rate allows 5.0%" in error.message
    assert weights(stack) == {"one": 100, "two": 0}
    assert tally.failed < tally.sent * 0.1
    assert list(stack.groups()) == ["v1"]


async def test_too_few_requests_ask_a_person(make_stack: MakeStack) -> None:
    watch = "error_rate = 0.05\nrequests = 1000000\nperiod = 1\n"
    stack = make_stack(
        balancer="weighted",
        load_balancer="steps = [50, 100]",
        timeouts={"step": 2, "soak": 0},
        watch=watch,
    )
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    handle = await stack.start("v2")
    status = await stack.until(lambda status: status["paused"] is not None)

    assert status["paused"]["by"] == "Ovenbird"
    assert "are too few to judge it by" in status["paused"]["reason"]
    assert weights(stack) == {"one": 50, "two": 50}
    await handle.signal("resume", {"by": "ann"})
    assert (await handle.result())["tag"] == "v2"


async def test_an_alarm_ends_it_with_its_name(make_stack: MakeStack) -> None:
    """Also with the strategy attach, and before any traffic is shifted."""
    stack = make_stack(watch='alarms = ["shop-is-sick"]', timeouts={"soak": 5})
    new_tags(stack, "v1", "v2")
    alarm = {
        "AlarmName": "shop-is-sick",
        "Namespace": "Shop",
        "MetricName": "Sick",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    stack.account.cloudwatch.put_metric_alarm(**alarm)
    await stack.release("v1")
    handle = await stack.start("v2")
    await stack.until_phase("watching")
    stack.account.cloudwatch.set_alarm_state(
        AlarmName="shop-is-sick", StateValue="ALARM", StateReason="test"
    )
    error = await stack.fails(handle)
    assert "rolled back by the watch: the alarm shop-is-sick is in ALARM" in error.message
    stack.account.forget_calls()
    again = await stack.fails(await stack.start("v2"))
    assert "the alarm shop-is-sick is in ALARM" in again.message
    assert "DetachLoadBalancerTargetGroups" not in aws_calls(stack.account.calls())
