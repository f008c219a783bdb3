"""A release finds all mistakes before it makes anything. A group made by hand can be adopted."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable

import pytest

from demo.account import aws_calls
from tests.stacks import StackUnderTest, Theatre, eventually, new_tags

MakeStack = Callable[..., StackUnderTest]
Cli = Callable[..., subprocess.CompletedProcess[str]]
MADE = {
    "CreateLaunchTemplate",
    "CreateAutoScalingGroup",
    "RunInstances",
    "CreateSecurityGroup",
    "CreateImage",
}


@pytest.mark.shared_images
async def test_all_that_is_wrong_is_told_at_once_and_nothing_is_made(
    make_stack: MakeStack, theatre: Theatre, run_cli: Cli
) -> None:
    stack = make_stack()
    new_tags(stack, "v1", "v2")
    await stack.release("v1")
    blue = stack.groups()["v1"]["AutoScalingGroupName"]
    vpc = theatre.base.vpc
    prefix = theatre.stage.environment["LOCALCLOUD_CIDR"].rsplit(".", 2)[0]
    tiny = stack.account.ec2.create_subnet(
        VpcId=vpc, CidrBlock=f"{prefix}.60.0/28", AvailabilityZone="eu-west-1c"
    )["Subnet"]["SubnetId"]
    stack.configure(f"subnets = {list(theatre.base.subnets)}", f'subnets = ["{tiny}"]')
    stack.configure("min = 2\nmax = 8", "min = 20\nmax = 40")
    stack.configure('type = "t3.micro"', 'type = "r7g.16xlarge"')
    key = theatre.account.kms.create_key()["KeyMetadata"]["KeyId"]
    theatre.account.kms.disable_key(KeyId=key)
    stack.configure("verify = false", f'verify = false\nkms_key = "{key}"')
    stack.account.autoscaling.start_instance_refresh(AutoScalingGroupName=blue)
    stack.account.forget_calls()
    error = await stack.fails(await stack.start("v2"))
    planned = await asyncio.to_thread(run_cli, "plan", stack.name, "v2")

    assert error.type == "Refused"
    for words in (
        "addresses free, and the new version needs 20",
        "is not in eu-west-1c: instances there would never be healthy",
        "images are for x86_64 (bake.architecture), and r7g.16xlarge is arm64",
        "the new version needs 1280 vCPUs beside the",
        f"the key {key} is Disabled",
        f"somebody refreshes the instances of {blue}",
    ):
        assert words in error.message
        assert words in planned.stdout
    assert planned.returncode == 2
    # A dry run asked whether it may launch. AWS answers a dry run with an error.
    assert not MADE & set(
        aws_calls([call for call in stack.account.calls() if call["outcome"].startswith("ok")])
    )


@pytest.mark.shared_images
async def test_a_group_that_somebody_made_is_adopted_and_is_the_first_blue(
    make_stack: MakeStack, run_cli: Cli
) -> None:
    """None of its instances is touched. A release replaces it, and a rollback goes back to it."""
    stack = make_stack()
    new_tags(stack, "v1", "v2")
    group = f"{stack.name}-by-hand"
    baked = await asyncio.to_thread(run_cli, "bake", stack.name, "v1", "--json")
    make_group(stack, group, json.loads(baked.stdout.splitlines()[-1])["image"]["id"])
    await eventually(lambda: has_healthy_targets(stack, 3))
    with stack.visitors() as visitors:
        before = instances(stack, group)
        await adopt(stack, group, run_cli)
        assert instances(stack, group) == before
        await stack.release("v2")
        assert len(stack.groups()["v2"]["Instances"]) == 3
        assert stack.groups()["v1"]["DesiredCapacity"] == 0
        handle = await stack.start_rollback()
        assert (await handle.result())["deployment"] == group
        tally = visitors.stop()

    assert tally.failed == 0, tally.failures
    adopted = stack.groups()["v1"]
    sizes = (adopted["MinSize"], adopted["MaxSize"], adopted["DesiredCapacity"])
    assert sizes == (2, 8, 3)


def make_group(stack: StackUnderTest, name: str, image: str) -> None:
    """With a launch template of the same name, in the target group of the stack."""
    stack.account.ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={
            "ImageId": image,
            "InstanceType": "t3.micro",
            "MetadataOptions": {"HttpTokens": "required"},
        },
    )
    stack.account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": name, "Version": "1"},
        MinSize=1,
        MaxSize=4,
        DesiredCapacity=3,
        VPCZoneIdentifier=",".join(stack.infrastructure.subnets),
        TargetGroupARNs=[stack.infrastructure.target_group_arn],
        HealthCheckType="ELB",
        HealthCheckGracePeriod=60,
    )


async def has_healthy_targets(stack: StackUnderTest, count: int) -> bool:
    found = stack.account.elbv2.describe_target_health(
        TargetGroupArn=stack.infrastructure.target_group_arn
    )["TargetHealthDescriptions"]
    return [target["TargetHealth"]["State"] for target in found] == ["healthy"] * count


def instances(stack: StackUnderTest, group: str) -> set[str]:
    return {i["InstanceId"] for i in stack.account.groups(group)[0]["Instances"]}


async def adopt(stack: StackUnderTest, group: str, run_cli: Cli) -> None:
    refused = await asyncio.to_thread(run_cli, "adopt", stack.name, "nobody", "v1")
    adopted = await asyncio.to_thread(run_cli, "adopt", stack.name, group, "v1", "--by", "ann")
    assert (refused.returncode, adopted.returncode) == (2, 0), adopted.stderr
    assert "there is no Auto Scaling group nobody" in refused.stderr
