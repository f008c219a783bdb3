"""Two target groups behind weighted rules. Before the approval only the preview sees green."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from demo.account import aws_calls
from tests.stacks import StackUnderTest, new_tags

pytestmark = pytest.mark.shared_images
MakeStack = Callable[..., StackUnderTest]
STEPS = "steps = [10, 50, 100]\n"


def weights(stack: StackUnderTest) -> dict[str, int]:
    found = stack.account.weights(stack.infrastructure.listener)
    return {
        "one" if arn == stack.infrastructure.target_group_arn else "two": weight
        for arn, weight in found.items()
    }


def ask(stack: StackUnderTest, preview: bool = False) -> str:
    parts = urlsplit(stack.infrastructure.address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    connection.request("GET", "/", headers={"X-Preview": "green"} if preview else {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.headers.get("X-Version", f"{answer.status}")


async def until_weighs(stack: StackUnderTest, percent: int) -> dict[str, Any]:
    return await stack.until(
        lambda status: (
            status["weights"].get("green") == percent
            and status["phase"] in ("shifting", "watching")
        )
    )


async def serving_v1(stack: StackUnderTest) -> dict[str, Any]:
    """Releases v1, tags v2, and returns the groups."""
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    return stack.account.snapshot(only=stack.name).groups


async def test_green_is_seen_in_the_preview_alone_until_the_approval_and_then_step_by_step(
    make_stack: MakeStack,
) -> None:
    """A rollback takes the other target group again."""
    stack = make_stack(balancer="weighted", load_balancer=STEPS, top="approval = true")
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    assert weights(stack) == {"one": 100, "two": 0}
    with stack.visitors() as visitors:
        handle = await stack.start("v2")
        status = await stack.until_phase("waiting_approval")
        assert {ask(stack) for _ in range(20)} == {"v1"}
        assert {ask(stack, preview=True) for _ in range(5)} == {"v2"}
        assert status["weights"] == {"blue": 100, "green": 0}
        assert "blue alone serves until the approval, green is in the preview" in str(
            status["bullets"]
        )
        await handle.signal("approve_cutover", {"by": "ann"})
        await until_weighs(stack, 10)
        await until_weighs(stack, 50)
        serves_alone(stack, await handle.result())
        back = await (await stack.start_rollback()).result()
        tally = visitors.stop()

    assert (back["tag"], weights(stack)) == ("v1", {"one": 100, "two": 0})
    assert tally.failed == 0, tally.failures


def serves_alone(stack: StackUnderTest, result: dict[str, Any]) -> None:
    assert result["deployment"] in stack.groups()["v2"]["AutoScalingGroupName"]
    assert weights(stack) == {"one": 0, "two": 100}
    assert (ask(stack), ask(stack, preview=True)) == ("v2", "v2")
    assert (stack.groups()["v1"]["DesiredCapacity"], stack.groups()["v1"]["TargetGroupARNs"]) == (
        0,
        [],
    )


async def test_what_cannot_be_understood_is_refused(make_stack: MakeStack) -> None:
    stack = make_stack(balancer="weighted")
    stack.repository.release("v1")
    pair = [stack.infrastructure.target_group_arn, stack.infrastructure.other_target_group_arn]

    def wire(*weights: int, sticky: bool = False) -> None:
        groups = [
            {"TargetGroupArn": arn, "Weight": weight}
            for arn, weight in zip(pair, weights, strict=True)
        ]
        config = {
            "TargetGroups": groups,
            "TargetGroupStickinessConfig": {"Enabled": sticky, "DurationSeconds": 3600},
        }
        stack.account.elbv2.modify_listener(
            ListenerArn=stack.infrastructure.listener,
            DefaultActions=[{"Type": "forward", "ForwardConfig": config}],
        )

    wire(50, 50)
    error = await stack.fails(await stack.start("v1"))
    assert error.type == "Refused"
    assert "both target groups" in error.message
    wire(100, 0, sticky=True)
    error = await stack.fails(await stack.start("v1"))
    assert "clients stay with one target group" in error.message
    assert stack.groups() == {}


async def test_between_two_weights_an_abort_is_one_call_away_from_as_before_and_so_is_a_sweep(
    make_stack: MakeStack, run_cli: Callable[..., Any]
) -> None:
    stack = make_stack(
        balancer="weighted",
        load_balancer="steps = [50, 100]",
        timeouts={"step": 60},
        sweeping="age = 0",
    )
    before = await serving_v1(stack)
    with stack.visitors() as visitors:
        await abort_between_two_weights(stack)
        assert stack.account.snapshot(only=stack.name).groups == before
        await terminate_between_two_weights_and_sweep(stack, run_cli)
        tally = visitors.stop()

    assert weights(stack) == {"one": 100, "two": 0}
    assert stack.account.snapshot(only=stack.name).groups == before
    assert tally.failed == 0, tally.failures


async def abort_between_two_weights(stack: StackUnderTest) -> None:
    handle = await stack.start("v2")
    await until_weighs(stack, 50)
    stack.account.forget_calls()
    await handle.signal("abort_and_roll_back", {"by": "ann"})
    error = await stack.fails(handle)
    calls = aws_calls(stack.account.calls())
    changing = [call for call in calls if not call.startswith(("Describe", "Get"))]
    assert (error.type, changing[0], changing.count("ModifyListener")) == (
        "RolledBack",
        "ModifyListener",
        1,
    )
    assert weights(stack) == {"one": 100, "two": 0}


async def terminate_between_two_weights_and_sweep(
    stack: StackUnderTest, run_cli: Callable[..., Any]
) -> None:
    handle = await stack.start("v2")
    await until_weighs(stack, 50)
    await handle.terminate("a person was in a hurry")
    refused = await stack.fails(await stack.start("v2"))
    assert refused.type == "Refused"
    dry = await asyncio.to_thread(run_cli, "sweep", stack.name)
    assert "does not get all of the traffic" in dry.stdout
    done = await asyncio.to_thread(run_cli, "sweep", stack.name, "--apply")
    assert done.returncode == 0, done.stdout + done.stderr
