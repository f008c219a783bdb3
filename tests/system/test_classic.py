"""A stack behind a classic load balancer: joined by its name, drained in its own way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from demo.account import aws_calls
from tests.conftest import StackUnderTest

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
    for tag in ("v1", "v2"):
        stack.repository.release(tag)
    await stack.release("v1")
    before = stack.account.snapshot(only=stack.name).groups
    with stack.traffic() as users:
        handle = await stack.start("v2")
        await stack.until_phase("waiting_approval")
        # Both serve, each half.
        assert (await stack.status())["weights"] == {"blue": 50, "green": 50}
        await handle.signal("abort_and_roll_back", {"by": "ann"})
        assert (await stack.fails(handle)).type == "RolledBack"
        assert stack.account.snapshot(only=stack.name).groups == before

        stack.account.forget_calls()
        blue = [
            {"InstanceId": instance["InstanceId"]} for instance in stack.groups()["v1"]["Instances"]
        ]
        handle = await stack.start("v2")
        await handle.signal("approve_cutover", {"by": "ann"})
        # The balancer says InService of those that drain; only its description tells.
        await stack.until(lambda status: "2 still draining" in str(status["bullets"]))
        told = stack.account.elb.describe_instance_health(
            LoadBalancerName=stack.infrastructure.classic, Instances=blue
        )["InstanceStates"]
        assert {(state["State"], state["Description"]) for state in told} == {
            ("InService", "Instance deregistration currently in progress.")
        }
        assert len(stack.groups()["v1"]["Instances"]) == 2
        await handle.result()
        groups = stack.groups()
        assert (groups["v1"].get("LoadBalancerNames", []), groups["v2"]["LoadBalancerNames"]) == (
            [],
            [stack.infrastructure.classic],
        )
        assert set(registered(stack)) == {
            instance["InstanceId"] for instance in groups["v2"]["Instances"]
        }
        calls = aws_calls(stack.account.calls())
        assert (calls.count("AttachLoadBalancers"), calls.count("DetachLoadBalancers")) == (1, 1)

        before = stack.account.snapshot(only=stack.name).groups
        handle = await stack.start_rollback()
        await stack.until_phase("waiting_approval")
        await handle.signal("abort_and_roll_back", {"by": "ann"})
        assert (await stack.fails(handle)).type == "RolledBack"
        assert stack.account.snapshot(only=stack.name).groups == before

        handle = await stack.start_rollback()
        await handle.signal("approve_cutover", {"by": "ann"})
        result = await handle.result()
        tally = users.stop()

    assert result["tag"] == "v1"
    assert tally.failed == 0, tally.failures


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
    text = stack.theatre.stacks[stack.name]
    stack.theatre.stacks[stack.name] = text.replace(
        f'balancers = ["{stack.name}"]', f'balancers = ["{stack.name}-none"]'
    )
    stack.theatre.write_stacks()
    absent = await stack.fails(await stack.start("v1"))

    assert (undrained.type, absent.type) == ("Refused", "Refused")
    assert f"{stack.name} has connection draining off" in undrained.message
    assert f"{stack.name}-none" in absent.message
    assert stack.groups() == {}
