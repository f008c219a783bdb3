"""A network balancer."""

from __future__ import annotations

import socket
from typing import Any

from harness import Account, Network, until
from pair import Pair


def state_of_targets(account: Account, group: str) -> set[str]:
    found = account.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return {item["TargetHealth"]["State"] for item in found}


def answer(host: str, port: int) -> bytes:
    """All that is read until the other side closes; b"" where nobody listens."""
    try:
        with socket.create_connection((host, port), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(4096), b""))
    except OSError:
        return b""


def test_a_network_balancer_carries_tcp(account: Account, network: Network, pair: Pair) -> None:
    name = f"nlb-{pair.port}"
    balancer: Any = account.elbv2.create_load_balancer(
        Name=name, Type="network", Subnets=list(network.subnets)
    )["LoadBalancers"][0]
    group = account.elbv2.create_target_group(
        Name=name,
        Protocol="TCP",
        Port=8080,
        VpcId=network.vpc,
        HealthCheckProtocol="TCP",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=3,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    account.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": pair.instances[1]}])
    account.elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="TCP",
        Port=pair.port + 400,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    until(lambda: state_of_targets(account, group) == {"healthy"})
    until(lambda: pair.instances[1].encode() in answer(balancer["DNSName"], pair.port + 400))
