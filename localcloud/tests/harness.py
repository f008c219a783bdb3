"""A local cloud as a process, and how the contract tests look at it: through the AWS API alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

PACE = ("--scale", "0.05", "--boot", "0.1", "--image", "0.2")
HOME_REGION, OTHER_REGION = "eu-west-1", "ap-southeast-2"


class Cloud:
    """The process; `environment` is what it prints."""

    def __init__(self, home: Path) -> None:
        self._log = home / "localcloud.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "localcloud", "--home", str(home / "cloud"), *PACE],
                stdout=output,
                stderr=output,
            )
        lines = until(self._started, 60).splitlines()
        exports = [line.removeprefix("export ") for line in lines if line.startswith("export ")]
        self.environment = dict(line.split("=", 1) for line in exports)

    def _started(self) -> str:
        text = self._log.read_text()
        assert self._process.poll() is None, text
        return text if "# disks and images" in text else ""

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


class Account:
    """boto3's clients of one AWS region, and the control API."""

    def __init__(self, environment: dict[str, str], region: str = HOME_REGION) -> None:
        self.environment, self.region = environment, region
        session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=region,
        )
        self._endpoint = environment["AWS_ENDPOINT_URL"]
        make: Any = session.client
        self.ec2, self.autoscaling, self.elbv2, self.ssm, self.s3, self.cloudwatch = (
            make(service, endpoint_url=self._endpoint)
            for service in ("ec2", "autoscaling", "elbv2", "ssm", "s3", "cloudwatch")
        )

    def groups(self, *names: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.autoscaling.describe_auto_scaling_groups(
            AutoScalingGroupNames=list(names)
        )["AutoScalingGroups"]
        return found

    def calls(self) -> list[dict[str, Any]]:
        """Every request to the API since the record was cleared."""
        found: list[dict[str, Any]] = self.control("GET", "requests")
        return found

    def fault(self, kind: str, action: str = ".*", **more: Any) -> None:
        self.control("POST", "faults", [{"kind": kind, "action": action} | more])

    def control(self, method: str, what: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        url = f"{self._endpoint}/localcloud/{what}"
        with urllib.request.urlopen(
            urllib.request.Request(url, data=data, method=method), timeout=20
        ) as reply:
            return json.load(reply)


@dataclass(frozen=True)
class Network:
    """A VPC with two subnets, a base image and a bucket, in one AWS region."""

    vpc: str
    subnets: tuple[str, str]
    base_image: str
    bucket: str

    @property
    def launch(self) -> dict[str, Any]:
        """Arguments of RunInstances: one instance of the base image."""
        return {
            "ImageId": self.base_image,
            "MinCount": 1,
            "MaxCount": 1,
            "InstanceType": "t3.micro",
            "SubnetId": self.subnets[0],
        }


def build_network(account: Account, third_octet: int) -> Network:
    """All regions of a local cloud share its addresses: `third_octet` keeps them apart."""
    cidr = account.environment["LOCALCLOUD_CIDR"]
    prefix = cidr.rsplit(".", 2)[0]
    vpc = account.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    one, two = (
        account.ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"{prefix}.{third_octet + number}.0/24",
            AvailabilityZone=f"{account.region}{zone}",
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    )
    base = account.ec2.register_image(Name="base", RootDeviceName="/dev/xvda")["ImageId"]
    bucket = f"contract-{vpc[-8:]}"
    account.s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": account.region}
    )
    return Network(vpc, (one, two), base, bucket)


@dataclass(frozen=True)
class Front:
    """A balancer with one target group: its ARN, and the address that users know."""

    target_group: str
    address: str


def build_front(account: Account, network: Network) -> Front:
    elb = account.elbv2
    balancer = elb.create_load_balancer(Name="front", Subnets=list(network.subnets))[
        "LoadBalancers"
    ][0]
    target_group = elb.create_target_group(
        Name="front",
        Protocol="HTTP",
        Port=8080,
        VpcId=network.vpc,
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=4,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(
        TargetGroupArn=target_group,
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}],
    )
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=8000,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": target_group}],
    )
    return Front(target_group, f"http://{balancer['DNSName']}:8000")


def until(check: Callable[[], Any], timeout: float = 20) -> Any:
    deadline = time.monotonic() + timeout
    while not (value := check()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return value


def refused(call: Callable[..., Any], **arguments: Any) -> str:
    """The code of the error that the call gets."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def instance(account: Account, instance_id: str) -> dict[str, Any]:
    found: dict[str, Any] = account.ec2.describe_instances(InstanceIds=[instance_id])[
        "Reservations"
    ][0]["Instances"][0]
    return found


def state(account: Account, instance_id: str) -> str:
    return str(instance(account, instance_id)["State"]["Name"])


def run(account: Account, base: dict[str, Any], **more: Any) -> str:
    instance_id = account.ec2.run_instances(**base | more)["Instances"][0]["InstanceId"]
    until(lambda: state(account, instance_id) == "running")
    return str(instance_id)


def send(account: Account, instance_id: str, script: str, **more: Any) -> str:
    sent = account.ssm.send_command(
        InstanceIds=[instance_id],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": script.splitlines()},
        **more,
    )
    return str(sent["Command"]["CommandId"])


def finish(account: Account, command: str, instance_id: str) -> dict[str, Any]:
    def ended() -> Any:
        found = account.ssm.get_command_invocation(CommandId=command, InstanceId=instance_id)
        return found if found["Status"] not in ("Pending", "InProgress") else None

    found: dict[str, Any] = until(ended)
    return found


def output_of(account: Account, instance_id: str, script: str) -> str:
    ended = finish(account, send(account, instance_id, script), instance_id)
    return str(ended["StandardOutputContent"])


def image_of(account: Account, launch: dict[str, Any], name: str, script: str) -> str:
    """The image of an instance on which the script ran."""
    builder = run(account, launch)
    assert finish(account, send(account, builder, script), builder)["Status"] == "Success"
    image = account.ec2.create_image(InstanceId=builder, Name=name)["ImageId"]
    until(
        lambda: account.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available"
    )
    account.ec2.terminate_instances(InstanceIds=[builder])
    return str(image)


def members(account: Account, group: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = account.groups(group)[0]["Instances"]
    return found


def health(account: Account, front: Front) -> dict[str, dict[str, str]]:
    found = account.elbv2.describe_target_health(TargetGroupArn=front.target_group)
    return {
        item["Target"]["Id"]: item["TargetHealth"] for item in found["TargetHealthDescriptions"]
    }
