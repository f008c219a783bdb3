"""A stack behind a classic load balancer, which has no target groups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from demo.account import aws_calls
from tests.stacks import StackUnderTest, new_tags

pytestmark = pytest.mark.shared_images
MakeStack = Callable[..., StackUnderTest]


def registered(stack: StackUnderTest) -> dict[str, str]:
    states = stack.account.elb.describe_instance_health(
        LoadBalancerName=stack.infrastructure.classic
    )["InstanceStates"]
    return {state["InstanceId"]: state["State"] for state in states}


async def test_a_release_an_abort_and_a_rollback_behind_a_classic_balancer_lose_no_request(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(balancer="classic", top="approval = true", approving="rollbacks = true")
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    with stack.visitors() as visitors:
        await abort_at_the_approval(stack, stack.start("v2"))
        await release_and_look_at_the_drain(stack)
        await abort_at_the_approval(stack, stack.start_rollback())
        handle = await stack.start_rollback()
        await handle.signal("approve_cutover", {"by": "ann"})
        result = await handle.result()
        tally = visitors.stop()

    assert result["tag"] == "v1"
    assert tally.failed == 0, tally.failures


async def abort_at_the_approval(
    stack: StackUnderTest, start: Awaitable[WorkflowHandle[Any, Any]]
) -> None:
    """Afterwards every group is as it was before."""
    before = stack.account.snapshot(only=stack.name).groups
    handle = await start
    await stack.until_phase("waiting_approval")
    # Both versions serve, each half of the requests.
    assert (await stack.status())["weights"] == {"blue": 50, "green": 50}
    await handle.signal("abort_and_roll_back", {"by": "ann"})
    assert (await stack.fails(handle)).type == "RolledBack"
    assert stack.account.snapshot(only=stack.name).groups == before


async def release_and_look_at_the_drain(stack: StackUnderTest) -> None:
    """Of v2. A classic balancer says InService of what drains; only the description tells."""
    elb, name = stack.account.elb, stack.infrastructure.classic
    stack.account.forget_calls()
    blue = [{"InstanceId": one["InstanceId"]} for one in stack.groups()["v1"]["Instances"]]
    handle = await stack.start("v2")
    await handle.signal("approve_cutover", {"by": "ann"})
    await stack.until(lambda status: "2 still draining" in str(status["bullets"]))
    states = elb.describe_instance_health(LoadBalancerName=name, Instances=blue)["InstanceStates"]
    assert {(state["State"], state["Description"]) for state in states} == {
        ("InService", "Instance deregistration currently in progress.")
    }
    assert len(stack.groups()["v1"]["Instances"]) == 2
    await handle.result()
    groups = stack.groups()
    assert groups["v1"].get("LoadBalancerNames", []) == []
    assert groups["v2"]["LoadBalancerNames"] == [name]
    assert set(registered(stack)) == {one["InstanceId"] for one in groups["v2"]["Instances"]}
    calls = aws_calls(stack.account.calls())
    assert (calls.count("AttachLoadBalancers"), calls.count("DetachLoadBalancers")) == (1, 1)


async def test_a_classic_balancer_that_is_absent_or_would_cut_requests_is_refused(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(balancer="classic")
    stack.repository.release("v1")
    balancer = stack.account.elb
    balancer.modify_load_balancer_attributes(
        LoadBalancerName=stack.infrastructure.classic,
        LoadBalancerAttributes={"ConnectionDraining": {"Enabled": False}},
    )
    undrained = await stack.fails(await stack.start("v1"))
    stack.configure(f'balancers = ["{stack.name}"]', f'balancers = ["{stack.name}-none"]')
    absent = await stack.fails(await stack.start("v1"))

    assert (undrained.type, absent.type) == ("Refused", "Refused")
    assert f"{stack.name} has connection draining off" in undrained.message
    assert f"{stack.name}-none" in absent.message
    assert stack.groups() == {}
