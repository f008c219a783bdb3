"""Fleets of several instance types and markets, and fleets with a warm pool."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stacks import StackUnderTest, eventually, new_tags

pytestmark = pytest.mark.shared_images
MakeStack = Callable[..., StackUnderTest]


def kinds(stack: StackUnderTest, tag: str) -> list[str]:
    """The type, weight and market of each instance of the group."""
    members = stack.groups()[tag]["Instances"]
    if not members:
        return []
    ids = [member["InstanceId"] for member in members]
    reservations = stack.account.ec2.describe_instances(InstanceIds=ids)["Reservations"]
    described = [i for reservation in reservations for i in reservation["Instances"]]
    spot = {i["InstanceId"] for i in described if i.get("InstanceLifecycle") == "spot"}
    return sorted(
        f"{member['InstanceType']} {member['WeightedCapacity']} "
        f"{'spot' if member['InstanceId'] in spot else 'on demand'}"
        for member in members
    )


async def test_mixed_instances_count_by_weight_and_are_on_demand_until_they_serve_alone(
    make_stack: MakeStack,
) -> None:
    mixed = (
        'types = { "t3.small" = 2, "t3.micro" = 1 }\non_demand_base = 2\non_demand_percentage = 0'
    )
    stack = make_stack(
        capacity="min = 4\nmax = 12",
        top="approval = true",
        **{"instance.mixed": mixed},
    )
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    serving_alone = ["t3.small 2 on demand", "t3.small 2 spot"]
    beside_blue = ["t3.small 2 on demand"] * 2

    async def settled(tag: str) -> bool:
        return kinds(stack, tag) == serving_alone

    with stack.visitors() as visitors:
        await eventually(lambda: settled("v1"), 40)
        handle = await stack.start("v2")
        status = await stack.until_phase("waiting_approval")
        assert (status["green"]["healthy"], status["green"]["desired"], status["weights"]) == (
            4,
            4,
            {"blue": 50, "green": 50},
        )
        assert kinds(stack, "v2") == beside_blue
        await handle.signal("approve_cutover", {"by": "ann"})
        await handle.result()
        await eventually(lambda: settled("v2"), 40)
        handle = await stack.start_rollback()
        await handle.result()
        await eventually(lambda: settled("v1"), 40)
        tally = visitors.stop()

    assert kinds(stack, "v2") == []
    assert tally.failed == 0, tally.failures


async def test_only_what_serves_has_a_warm_pool(make_stack: MakeStack) -> None:
    stack = make_stack(
        capacity='min = 1\nmax = 4\nwarm_pool = { min = 1, max_prepared = 2, state = "Stopped" }',
    )
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    assert stack.groups()["v1"]["WarmPoolConfiguration"]["MinSize"] == 1
    await stack.release("v2")

    pools = {
        tag: group.get("WarmPoolConfiguration", {}).get("MaxGroupPreparedCapacity")
        for tag, group in stack.groups().items()
    }
    assert pools == {"v1": None, "v2": 2}
