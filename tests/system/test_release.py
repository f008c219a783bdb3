"""A release, end to end: the tag serves, no request fails, and nothing else is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from demo.account import aws_calls
from tests.stacks import StackUnderTest, new_tags

MUTATING = (
    "Create",
    "Run",
    "Put",
    "Attach",
    "Detach",
    "Update",
    "Delete",
    "Send",
    "Stop",
    "Terminate",
    "Deregister",
    "Disable",
)


@pytest.mark.shared_images
async def test_two_releases_under_traffic(stack: StackUnderTest) -> None:
    """I1, I2, I3: the second version serves, the first is parked, nothing temporary is left."""
    new_tags(stack, "v1", "v2")
    first = await stack.release("v1")
    with stack.visitors() as visitors:
        second = await stack.release("v2")
        tally = visitors.stop()

    assert tally.failures == []
    assert set(tally.versions) == {"v1", "v2"}
    groups = stack.groups()
    assert (
        groups["v1"]["DesiredCapacity"]
        == groups["v1"]["MinSize"]
        == len(groups["v1"]["Instances"])
        == 0
    )
    assert groups["v1"].get("TargetGroupARNs", []) == []
    assert "Launch" not in str(groups["v1"]["SuspendedProcesses"])
    assert len(groups["v2"]["Instances"]) == groups["v2"]["DesiredCapacity"] == 2
    assert groups["v2"]["TargetGroupARNs"] == [stack.infrastructure.target_group_arn]
    left = stack.snapshot()
    assert (
        sorted(left.groups) == left.templates == sorted([first["deployment"], second["deployment"]])
    )
    assert {group["tags"]["ovenbird:state"] for group in left.groups.values()} == {
        "serving",
        "parked",
    }
    assert [
        name
        for name in stack.account.snapshot().security_groups
        if name.startswith("ovenbird-bake")
    ] == []
    assert second["parked"] == first["deployment"]


async def test_what_is_made_says_whose_it_is(make_stack: Callable[..., StackUnderTest]) -> None:
    """I3: tags on group, template, instances, image and snapshot; policies by the group's name."""
    stack = make_stack(
        top='scaling = [{ metric = "cpu", target = 50 }, { metric = "requests", target = 900 }]'
    )
    commit = stack.repository.release("v1/é+x")
    result = await stack.release("v1/é+x")
    image = stack.account.ec2.describe_images(ImageIds=[result["image"]])["Images"][0]
    snapshot = stack.account.ec2.describe_snapshots(
        SnapshotIds=[image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]]
    )["Snapshots"][0]
    group = stack.groups()["v1/é+x"]
    instance = stack.account.ec2.describe_instances(
        InstanceIds=[group["Instances"][0]["InstanceId"]]
    )["Reservations"][0]["Instances"][0]

    for resource in (image, snapshot, group, instance):
        tags = {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
        assert tags["ovenbird:tag"] == "v1/é+x"
        assert tags["ovenbird:commit"] == commit
        assert tags["ovenbird:release"]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert group["LaunchTemplate"]["Version"] == "1"
    # AWS refuses a policy on requests before the attach.
    assert metrics(stack, result["deployment"]) == {
        "ASGAverageCPUUtilization",
        "ALBRequestCountPerTarget",
    }


def metrics(stack: StackUnderTest, group: str) -> set[str]:
    policies = stack.account.autoscaling.describe_policies(AutoScalingGroupName=group)
    return {
        p["TargetTrackingConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"]
        for p in policies["ScalingPolicies"]
    }


async def test_the_sixth_oldest_is_pruned_and_an_image_in_use_is_not(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """I4: only served deployments count. An image that is in use stays, and a note says why."""
    stack = make_stack(retention="deployments = 2")
    tags = ["v1", "v2", "v3"]
    new_tags(stack, *tags)
    results = [await stack.release(tag) for tag in tags]
    assert results[2]["pruned"] == [results[0]["deployment"], results[0]["image"]]
    squatter = stack.account.ec2.run_instances(
        ImageId=results[1]["image"],
        MinCount=1,
        MaxCount=1,
        SubnetId=stack.infrastructure.subnets[0],
    )
    fourth = await stack.release("v3", force=True)

    assert fourth["pruned"] == [results[1]["deployment"]]
    assert squatter["Instances"][0]["InstanceId"] in str(fourth["notes"])
    left = stack.snapshot()
    assert (
        sorted(left.groups)
        == left.templates
        == sorted([results[2]["deployment"], fourth["deployment"]])
    )
    images = stack.account.snapshot().images
    assert results[0]["image"] not in images
    assert results[1]["image"] in images
    snapshots = stack.account.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert not [s for s in snapshots if results[0]["image"] in s["Description"]]


@pytest.mark.shared_images
async def test_launch_configurations_where_the_stack_says_so(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    stack = make_stack(top='launch = "configuration"', retention="deployments = 2")
    new_tags(stack, "v1")
    for _ in range(3):
        await stack.release("v1", force=True)
    left = stack.snapshot()

    assert len(left.configurations) == 2
    assert left.templates == []
    assert sorted(left.groups) == left.configurations


async def test_two_stacks_share_one_bake_when_they_start_at_the_same_moment(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    one = make_stack(application="shared")
    other = make_stack(repository=one.repository, application="shared")
    one.repository.release("v1")
    one.account.forget_calls()
    handles = [await one.start("v1"), await other.start("v1")]
    results = [await handle.result() for handle in handles]

    assert results[0]["image"] == results[1]["image"]
    actions = aws_calls(one.account.calls())
    assert actions.count("RunInstances") == actions.count("CreateImage") == 1


@pytest.mark.shared_images
async def test_the_calls_of_a_release_do_not_grow_with_the_instances(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    """bench/ measures how many calls there are. Here it matters that they do not become more."""
    counts = []
    stack = make_stack(
        capacity="min = 2\nmax = 24",
        retention="deployments = 3",
        top='scaling = [{ metric = "cpu", target = 50 }]',
    )
    new_tags(stack, "v1")
    await stack.release("v1")
    for size in (2, 6):
        stack.configure("min = 2", f"min = {size}")
        stack.account.forget_calls()
        await stack.release("v1", force=True)
        actions = aws_calls(stack.account.calls())
        # The number of looks depends on how long instances boot, so only changes are counted.
        counts.append([action for action in actions if action.startswith(MUTATING)])

    assert counts[0] == counts[1]
