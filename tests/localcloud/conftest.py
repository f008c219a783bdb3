"""Fixtures of the contract tests, and how they look at the region: through the AWS API alone."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo.account import Account
from tests.conftest import Theatre

_names = itertools.count(1)
SERVICE = """[Service]
WorkingDirectory=/srv
Environment=PORT=8080 HOST=0.0.0.0
ExecStart=/bin/sh -c 'exec python3 -m http.server --bind $HOST $PORT'
"""


def until(check: Callable[[], Any], timeout: float = 20) -> Any:
    deadline = time.monotonic() + timeout
    while not (value := check()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return value


def refused(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


@pytest.fixture(scope="module")
def account(theatre: Theatre) -> Iterator[Account]:
    yield theatre.account
    theatre.account.clear_faults()


@pytest.fixture
def name() -> str:
    return f"contract-{next(_names)}"


@pytest.fixture
def base(theatre: Theatre) -> dict[str, Any]:
    return {
        "ImageId": theatre.base.base_image,
        "MinCount": 1,
        "MaxCount": 1,
        "InstanceType": "t3.micro",
        "SubnetId": theatre.base.subnets[0],
    }


def state(account: Account, instance: str) -> str:
    found: Any = account.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0][
        "Instances"
    ][0]
    return str(found["State"]["Name"])


def run(account: Account, base: dict[str, Any], **more: Any) -> str:
    instance = account.ec2.run_instances(**base | more)["Instances"][0]["InstanceId"]
    until(lambda: state(account, instance) == "running")
    return str(instance)


@pytest.fixture
def group(account: Account, theatre: Theatre, name: str, web_image: str) -> Iterator[str]:
    """A group of two, from a template with the web image."""
    data = {
        "ImageId": web_image,
        "InstanceType": "t3.micro",
        "MetadataOptions": {"HttpTokens": "required"},
        "UserData": "IyEvYmluL3NoCg==",
    }
    account.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": name, "Version": "1"},
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=2,
        VPCZoneIdentifier=",".join(theatre.base.subnets),
        HealthCheckType="ELB",
        HealthCheckGracePeriod=60,
    )
    yield name
    if account.groups(name):
        account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)


@pytest.fixture(scope="module")
def web_image(account: Account, theatre: Theatre) -> str:
    """An image whose instances serve their own disk over HTTP."""
    builder = run(
        account,
        {
            "ImageId": theatre.base.base_image,
            "MinCount": 1,
            "MaxCount": 1,
            "InstanceType": "t3.micro",
            "SubnetId": theatre.base.subnets[0],
        },
    )
    unit = "$DESTDIR/etc/systemd/system/multi-user.target.wants"
    script = f"mkdir -p {unit} $DESTDIR/srv\necho hello > $DESTDIR/srv/health\ncat > {unit}/web.service <<'UNIT'\n{SERVICE}UNIT\n"
    finish(account, send(account, builder, script), builder)
    image = account.ec2.create_image(InstanceId=builder, Name=f"web-{next(_names)}")["ImageId"]
    until(
        lambda: account.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available"
    )
    account.ec2.terminate_instances(InstanceIds=[builder])
    return str(image)


def send(account: Account, instance: str, script: str, **more: Any) -> str:
    sent = account.ssm.send_command(
        InstanceIds=[instance],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": script.splitlines()},
        **more,
    )
    return str(sent["Command"]["CommandId"])


def finish(account: Account, command: str, instance: str) -> dict[str, Any]:
    def ended() -> Any:
        found = account.ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        return found if found["Status"] not in ("Pending", "InProgress") else None

    found: dict[str, Any] = until(ended)
    return found


def members(account: Account, group: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = account.groups(group)[0]["Instances"]
    return found


def health(account: Account, theatre: Theatre) -> dict[str, dict[str, str]]:
    found = account.elbv2.describe_target_health(TargetGroupArn=theatre.base.target_group_arn)[
        "TargetHealthDescriptions"
    ]
    return {item["Target"]["Id"]: item["TargetHealth"] for item in found}
