"""Instances, their network and their commands; see README.md."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import (
    Account,
    Network,
    finish,
    refused,
    run,
    send,
    state,
    until,
)


def test_a_vpc_outside_of_the_regions_network_is_refused_by_name(account: Account) -> None:
    assert refused(account.ec2.create_vpc, CidrBlock="10.0.0.0/16") == "NotImplemented"


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
