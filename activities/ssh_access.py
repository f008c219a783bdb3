"""Which addresses may log in to Packer's builder: only this worker's."""

from __future__ import annotations

import ipaddress
import socket
import urllib.request
from collections.abc import Collection, Iterable
from typing import Any

from botocore.exceptions import ClientError

from activities.aws import Aws, code
from domain.errors import TransientError

SSH = 22
ADDRESS_SERVICE = "https://checkip.amazonaws.com"


def admit(aws: Aws, region: str, security_group: str, addresses: Collection[str]) -> None:
    """Allows SSH from these addresses only: the address of an earlier worker is removed."""
    ec2 = aws.ec2(region)
    known = ec2.describe_security_groups(GroupIds=[security_group])["SecurityGroups"][0][
        "IpPermissions"
    ]
    wanted = _ssh_from(addresses)
    if _admitted(known) == _admitted([wanted]):
        return
    if known:
        try:
            ec2.revoke_security_group_ingress(GroupId=security_group, IpPermissions=known)
        except ClientError as error:
            if code(error) != "InvalidPermission.NotFound":
                raise
    try:
        ec2.authorize_security_group_ingress(GroupId=security_group, IpPermissions=[wanted])
    except ClientError as error:
        if code(error) != "InvalidPermission.Duplicate":
            raise


def address_towards(block: str) -> str | None:
    """The address of this server towards a network. Connecting a UDP socket sends no packet."""
    network = ipaddress.ip_network(block)
    family = socket.AF_INET6 if network.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(network.network_address + 1), 22))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def public_address() -> str:
    try:
        with urllib.request.urlopen(ADDRESS_SERVICE, timeout=10) as reply:
            return str(ipaddress.ip_address(reply.read().decode().strip()))
    except (OSError, ValueError) as error:
        raise TransientError(
            f"{ADDRESS_SERVICE} does not say this server's public address: {error}"
        ) from None


def _ssh_from(addresses: Collection[str]) -> Any:
    permission: Any = {
        "IpProtocol": "tcp",
        "FromPort": SSH,
        "ToPort": SSH,
        "IpRanges": [],
        "Ipv6Ranges": [],
    }
    for address in sorted(addresses):
        if ":" in address:
            permission["Ipv6Ranges"].append(
                {"CidrIpv6": f"{address}/128", "Description": "Ovenbird's worker"}
            )
        else:
            permission["IpRanges"].append(
                {"CidrIp": f"{address}/32", "Description": "Ovenbird's worker"}
            )
    return permission


def _admitted(permissions: Iterable[Any]) -> set[tuple[Any, Any, str]]:
    return {
        (
            permission.get("FromPort"),
            permission.get("ToPort"),
            str(entry.get("CidrIp") or entry.get("CidrIpv6")),
        )
        for permission in permissions
        for entry in [*permission.get("IpRanges", []), *permission.get("Ipv6Ranges", [])]
    }
