"""
Each correction of moto that a release depends on, through the AWS API alone.

A test here that fails after an upgrade of moto says which correction no longer holds.
"""

from __future__ import annotations

import urllib.error
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import Account, Network, finish, refused, run, send, state, until


def test_a_vpc_outside_of_the_regions_network_is_refused_by_name(account: Account) -> None:
    assert refused(account.ec2.create_vpc, CidrBlock="10.0.0.0/16") == "NotImplemented"


def test_what_is_not_modelled_is_refused_and_not_retried(account: Account) -> None:
    assert refused(account.autoscaling.describe_adjustment_types) == "NotImplemented"


def test_the_same_client_token_is_the_same_instance(
    account: Account, base: dict[str, Any], name: str
) -> None:
    first = run(account, base, ClientToken=name)

    assert run(account, base, ClientToken=name) == first
    assert (
        refused(
            account.ec2.run_instances, **base | {"ClientToken": name, "InstanceType": "t3.large"}
        )
        == "IdempotentParameterMismatch"
    )
    account.ec2.terminate_instances(InstanceIds=[first])


def test_an_instance_takes_time_to_start_to_stop_and_to_end(
    account: Account, base: dict[str, Any]
) -> None:
    instance = account.ec2.run_instances(**base)["Instances"][0]["InstanceId"]
    assert state(account, instance) == "pending"
    until(lambda: state(account, instance) == "running")
    account.ec2.stop_instances(InstanceIds=[instance])
    assert state(account, instance) == "stopping"
    until(lambda: state(account, instance) == "stopped")
    account.ec2.terminate_instances(InstanceIds=[instance])
    assert state(account, instance) == "shutting-down"
    until(lambda: state(account, instance) == "terminated")


def test_a_subnet_has_the_address_of_what_has_ended_again(
    account: Account, network: Network, base: dict[str, Any]
) -> None:
    prefix = account.environment["LOCALCLOUD_CIDR"].rsplit(".", 2)[0]
    made = account.ec2.create_subnet(
        VpcId=network.vpc, CidrBlock=f"{prefix}.61.0/28", AvailabilityZone="eu-west-1a"
    )["Subnet"]

    def free() -> int:
        return int(
            account.ec2.describe_subnets(SubnetIds=[made["SubnetId"]])["Subnets"][0][
                "AvailableIpAddressCount"
            ]
        )

    assert free() == 11
    instance = run(account, base | {"SubnetId": made["SubnetId"]})
    assert free() == 10
    account.ec2.terminate_instances(InstanceIds=[instance])
    until(lambda: free() == 11)


def test_a_dead_man_shutdown_ends_an_instance_that_says_so(
    account: Account, base: dict[str, Any]
) -> None:
    more = {
        "UserData": "#!/bin/sh\nshutdown -h now\n",
        "InstanceInitiatedShutdownBehavior": "terminate",
    }
    instance = account.ec2.run_instances(**base | more)["Instances"][0]["InstanceId"]

    until(lambda: state(account, instance) == "terminated")


def test_a_security_group_in_use_cannot_be_deleted(
    account: Account, network: Network, base: dict[str, Any], name: str
) -> None:
    group = account.ec2.create_security_group(GroupName=name, Description="x", VpcId=network.vpc)[
        "GroupId"
    ]
    instance = run(account, base, SecurityGroupIds=[group])

    assert refused(account.ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    account.ec2.terminate_instances(InstanceIds=[instance])
    until(lambda: state(account, instance) == "terminated")
    account.ec2.delete_security_group(GroupId=group)


def test_an_image_is_pending_then_a_copy_with_tags_on_it_and_its_snapshot(
    account: Account, base: dict[str, Any], name: str
) -> None:
    instance = run(account, base)
    finish(
        account,
        send(account, instance, "mkdir -p $DESTDIR/srv; echo baked > $DESTDIR/srv/proof"),
        instance,
    )
    specifications = [
        {"ResourceType": kind, "Tags": [{"Key": "of", "Value": name}]}
        for kind in ("image", "snapshot")
    ]
    image = account.ec2.create_image(
        InstanceId=instance, Name=name, TagSpecifications=specifications
    )["ImageId"]

    def found() -> Any:
        return account.ec2.describe_images(ImageIds=[image])["Images"][0]

    assert found()["State"] == "pending"
    assert (
        refused(account.ec2.create_image, InstanceId=instance, Name=name)
        == "InvalidAMIName.Duplicate"
    )
    assert (
        refused(account.ec2.run_instances, **base | {"ImageId": image})
        == "InvalidAMIID.Unavailable"
    )
    until(lambda: found()["State"] == "available")
    copy = run(account, base, ImageId=image)
    assert (
        finish(account, send(account, copy, "cat $DESTDIR/srv/proof"), copy)[
            "StandardOutputContent"
        ]
        == "baked\n"
    )
    snapshot = found()["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["Tags"] == [
        {"Key": "of", "Value": name}
    ]
    account.ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
    assert (
        refused(account.ec2.describe_snapshots, SnapshotIds=[snapshot])
        == "InvalidSnapshot.NotFound"
    )
    account.ec2.terminate_instances(InstanceIds=[instance, copy])


def test_an_image_can_fail(account: Account, base: dict[str, Any], name: str) -> None:
    instance = run(account, base)
    account.fault("image_failed", match={"name": name})
    image = account.ec2.create_image(InstanceId=instance, Name=name)["ImageId"]

    until(lambda: account.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "failed")
    account.ec2.terminate_instances(InstanceIds=[instance])


def test_launch_templates_keep_their_token_their_list_and_their_filter(
    account: Account, web_image: str, name: str
) -> None:
    data = {"ImageId": web_image, "InstanceType": "t3.micro"}
    call = {"LaunchTemplateName": name, "ClientToken": name, "LaunchTemplateData": data}
    first = account.ec2.create_launch_template(**call)["LaunchTemplate"]["LaunchTemplateId"]
    many = [f"{name}-{number}" for number in range(20)]
    for other in many:
        account.ec2.create_launch_template(
            LaunchTemplateName=other, LaunchTemplateData={"ImageId": "ami-other"}
        )

    assert account.ec2.create_launch_template(**call)["LaunchTemplate"]["LaunchTemplateId"] == first
    listed = {
        template["LaunchTemplateName"]
        for template in account.ec2.describe_launch_templates()["LaunchTemplates"]
    }
    assert {name, *many} <= listed
    versions = account.ec2.describe_launch_template_versions(
        Versions=["$Latest"], Filters=[{"Name": "image-id", "Values": ["ami-other"]}]
    )
    assert {v["LaunchTemplateName"] for v in versions["LaunchTemplateVersions"]} == set(many)
    for template in (name, *many):
        account.ec2.delete_launch_template(LaunchTemplateName=template)
    assert (
        refused(account.ec2.delete_launch_template, LaunchTemplateName=name)
        == "InvalidLaunchTemplateName.NotFoundException"
    )


def test_launch_configurations_are_not_overwritten_and_not_deleted_in_use(
    account: Account, network: Network, web_image: str, name: str
) -> None:
    call = {"LaunchConfigurationName": name, "ImageId": web_image, "InstanceType": "t3.micro"}
    account.autoscaling.create_launch_configuration(**call)
    assert refused(account.autoscaling.create_launch_configuration, **call) == "AlreadyExists"
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchConfigurationName=name,
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=network.subnets[0],
    )
    assert (
        refused(account.autoscaling.delete_launch_configuration, LaunchConfigurationName=name)
        == "ResourceInUse"
    )
    account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name)
    account.autoscaling.delete_launch_configuration(LaunchConfigurationName=name)
    assert (
        refused(account.autoscaling.delete_launch_configuration, LaunchConfigurationName=name)
        == "ValidationError"
    )


def test_a_command_runs_on_the_instance_that_was_named_and_nowhere_else(
    account: Account, base: dict[str, Any], network: Network
) -> None:
    one, other = run(account, base), run(account, base)
    found = finish(
        account, send(account, one, 'echo "$LOCALCLOUD_INSTANCE"; pwd; echo no >&2; exit 7'), one
    )

    assert found["Status"] == "Failed"
    assert found["ResponseCode"] == 7
    assert found["StandardOutputContent"].startswith(f"{one}\n")
    assert found["StandardErrorContent"] == "no\n"
    assert account.ssm.list_commands(InstanceId=other)["Commands"] == []
    long = send(
        account,
        one,
        "head -c 30000 /dev/zero | tr '\\0' x",
        OutputS3BucketName=network.bucket,
        OutputS3KeyPrefix="contract",
    )
    assert len(finish(account, long, one)["StandardOutputContent"]) == 24_000
    listed = account.s3.list_objects_v2(Bucket=network.bucket, Prefix=f"contract/{long}")[
        "Contents"
    ]
    assert {item["Size"] for item in listed} == {30_000, 0}
    account.ec2.terminate_instances(InstanceIds=[one, other])
    until(lambda: state(account, one) == "terminated")
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        send(account, one, "true")


def test_throttling_and_errors_strike_as_often_as_they_were_asked_to(account: Account) -> None:
    """Botocore tries such calls again by itself: the record shows each try."""
    account.fault("throttle", "DescribeKeyPairs", skip=1)
    account.fault("error", "DescribeKeyPairs", skip=1, status=503, code="ServiceUnavailable")
    account.control("DELETE", "requests")
    for _ in range(3):
        account.ec2.describe_key_pairs()
    outcomes = [call["outcome"] for call in account.calls() if call["action"] == "DescribeKeyPairs"]

    assert sorted(outcomes) == ["RequestLimitExceeded", "ServiceUnavailable", "ok", "ok", "ok"]


@pytest.mark.parametrize("kind", ["lost_reply", "reset"])
def test_a_dropped_connection_leaves_the_caller_without_an_answer(
    account: Account, network: Network, name: str, kind: str
) -> None:
    """Botocore tries again: after a lost reply the second try finds what the first one made."""
    account.fault(kind, "CreateSecurityGroup")
    if kind == "lost_reply":
        code = refused(
            account.ec2.create_security_group,
            GroupName=name,
            Description="x",
            VpcId=network.vpc,
        )
        assert code == "InvalidGroup.Duplicate"
    else:
        account.ec2.create_security_group(GroupName=name, Description="x", VpcId=network.vpc)
    mine = [
        call
        for call in account.calls()
        if call["action"] == "CreateSecurityGroup" and name in str(call["parameters"])
    ]

    assert [call["fault"] for call in mine] == [kind, None]


def test_an_unknown_fault_is_refused(account: Account) -> None:
    for wrong in (
        {"kind": "gremlins"},
        {"kind": "throttle", "action": "*"},
        {"kind": "throttle", "match": {"bdy": "x"}},
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            account.fault(**wrong)
        caught.value.close()
