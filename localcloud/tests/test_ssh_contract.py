"""An instance answers SSH to those who have its key and whom its security groups admit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import asyncssh
import pytest
from harness import Account, Network, run


@pytest.fixture
def machine(
    account: Account, network: Network, base: dict[str, Any], name: str
) -> Iterator[dict[str, Any]]:
    """An instance with a key pair, and its security group, which admits nobody yet."""
    key = account.ec2.create_key_pair(KeyName=name)["KeyMaterial"]
    group = account.ec2.create_security_group(GroupName=name, VpcId=network.vpc, Description="x")[
        "GroupId"
    ]
    instance = run(account, base, KeyName=name, SecurityGroupIds=[group])
    found = account.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][
        0
    ]
    port = int(account.environment["LOCALCLOUD_SSH_PORT"])
    yield {
        "id": instance,
        "host": found["PrivateIpAddress"],
        "port": port,
        "key": asyncssh.import_private_key(key),
        "group": group,
    }
    account.ec2.terminate_instances(InstanceIds=[instance])
    account.ec2.delete_key_pair(KeyName=name)


def admit(account: Account, machine: dict[str, Any], cidr: str) -> None:
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": cidr}]}
    account.ec2.authorize_security_group_ingress(
        GroupId=machine["group"], IpPermissions=[permission]
    )


def login(machine: dict[str, Any], **more: Any) -> Any:
    options = {
        "username": "ec2-user",
        "client_keys": [machine["key"]],
        "known_hosts": None,
        "config": None,
        "agent_path": None,
    } | more
    return asyncssh.connect(machine["host"], machine["port"], **options)


async def test_it_admits_the_address_of_its_security_group_and_nobody_else(
    account: Account, machine: dict[str, Any]
) -> None:
    admit(account, machine, "127.9.9.9/32")
    with pytest.raises((asyncssh.Error, OSError)):
        await login(machine)
    admit(account, machine, "127.0.0.1/32")
    async with login(machine) as connection:
        done = await connection.run("cat; echo $HOME >&2; exit 3", input="hello")

    assert (done.stdout, done.exit_status) == ("hello", 3)
    assert done.stderr.strip().endswith("/home/ec2-user")


async def test_a_command_that_ends_at_once_loses_neither_its_words_nor_its_code(
    account: Account, machine: dict[str, Any]
) -> None:
    admit(account, machine, "127.0.0.1/32")
    async with login(machine) as connection:
        ended = [await connection.run("echo out; echo err >&2; exit 3") for _ in range(20)]

    assert {(str(one.stdout), str(one.stderr), one.exit_status) for one in ended} == {
        ("out\n", "err\n", 3)
    }


async def test_another_key_is_refused(account: Account, machine: dict[str, Any]) -> None:
    admit(account, machine, "127.0.0.1/32")
    with pytest.raises(asyncssh.PermissionDenied):
        await login(machine, client_keys=[asyncssh.generate_private_key("ssh-ed25519")])


async def test_what_is_copied_to_it_lies_on_its_own_disk(
    account: Account, machine: dict[str, Any], tmp_path: Any
) -> None:
    admit(account, machine, "127.0.0.1/32")
    (tmp_path / "note").write_text("by sftp")
    async with login(machine) as connection:
        async with connection.start_sftp_client() as files:
            await files.put(str(tmp_path / "note"), "note")
            await files.put(str(tmp_path / "note"), "/etc/note")
        await asyncssh.scp(str(tmp_path / "note"), (connection, "by-scp"))
        done = await connection.run(
            "cat note by-scp $DESTDIR/etc/note; sudo -E env A=b sh -c 'echo $A'"
        )

    assert str(done.stdout).split() == ["by", "sftpby", "sftpby", "sftpb"]


async def test_whoever_is_logged_in_ends_with_the_machine(
    account: Account, machine: dict[str, Any]
) -> None:
    admit(account, machine, "127.0.0.1/32")
    async with login(machine) as connection:
        process = await connection.create_process("sleep 60")
        account.ec2.stop_instances(InstanceIds=[machine["id"]])
        done = await process.wait()

    assert done.exit_status != 0
