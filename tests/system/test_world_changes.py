"""The world changes during a release: target groups are added, listeners and zones vanish."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stacks import StackUnderTest, new_tags

pytestmark = pytest.mark.shared_images


async def test_a_stack_that_gains_a_target_group_and_one_that_loses_one(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """A target group of blue that the stack does not name any more is a mistake: refused."""
    stack, other = make_stack(), make_stack()
    new_tags(stack, "v1", "v2", "v3")
    await stack.release("v1")
    mine, second = stack.infrastructure.target_group, other.infrastructure.target_group
    stack.configure(f'["{mine}"]', f'["{mine}", "{second}"]')
    await stack.release("v2")
    assert len(stack.groups()["v2"]["TargetGroupARNs"]) == 2
    assert stack.groups()["v1"].get("TargetGroupARNs", []) == []
    stack.configure(f'["{mine}", "{second}"]', f'["{mine}"]')
    error = await stack.fails(await stack.start("v3"))

    assert error.type == "Refused"
    assert second in error.message


async def test_a_listener_that_somebody_takes_away_halts_the_release_before_the_cutover(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    stack = make_stack(top="approval = true")
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    handle = await stack.start("v2")
    await stack.until_phase("waiting_approval")
    elb = stack.account.elbv2
    balancer = elb.describe_load_balancers(Names=[stack.name])["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    for listener in elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
        elb.delete_listener(ListenerArn=listener["ListenerArn"])
    await handle.signal("approve_cutover", {"by": "ann"})
    error = await stack.fails(handle)

    assert error.type == "Dirty"
    assert "is on no listener" in error.message
    assert "v1 does not answer as before: no listener sends requests" in error.message
    assert list(stack.groups()) == ["v1"]
    assert len(stack.groups()["v1"]["TargetGroupARNs"]) == 1


async def test_a_zone_without_capacity_is_made_up_for_by_the_other(stack: StackUnderTest) -> None:
    stack.repository.release("v1")
    empty, full = stack.infrastructure.subnets
    stack.account.fault(
        "insufficient_capacity", match={"subnet": empty, "tags": f"{stack.name}-v1"}, times=None
    )
    await stack.release("v1")
    instances = [i["InstanceId"] for i in stack.groups()["v1"]["Instances"]]
    described = stack.account.ec2.describe_instances(InstanceIds=instances)["Reservations"]

    assert {i["SubnetId"] for r in described for i in r["Instances"]} == {full}
