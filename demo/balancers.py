"""The load balancers that a stack may be behind, each made by plain boto3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3

from demo.infrastructure import Infrastructure
from domain import names


def add_balancer(
    environment: dict[str, str],
    base: Infrastructure,
    stack: str,
    *,
    port: int,
    health: str = "/health",
    app_port: int = 8080,
) -> Infrastructure:
    """A balancer with one target group for one more stack."""
    elb = _elb(environment, base.region)
    balancer = elb.create_load_balancer(Name=stack, Subnets=list(base.subnets))["LoadBalancers"][0]
    return _with_one_target_group(elb, balancer, base, stack, port, health, app_port)


def add_weighted_balancer(
    environment: dict[str, str],
    base: Infrastructure,
    stack: str,
    *,
    port: int,
    health: str = "/health",
    app_port: int = 8080,
) -> Infrastructure:
    """
    A balancer with two target groups. The second has the weight 0.

    The preview is a rule: a request with the header X-Preview: green goes to the second.
    """
    elb = _elb(environment, base.region)
    balancer = elb.create_load_balancer(Name=stack, Subnets=list(base.subnets))["LoadBalancers"][0]
    pair = [names.target_group(f"{stack}-{which}") for which in ("one", "two")]
    arns = [_target_group(elb, name, base.vpc, health, app_port) for name in pair]
    weighted = [
        {"TargetGroupArn": arn, "Weight": weight}
        for arn, weight in zip(arns, (100, 0), strict=True)
    ]
    forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}
    listener = _listener(elb, balancer, port, forward)
    return replace(
        base,
        target_group=pair[0],
        target_group_arn=arns[0],
        other_target_group=pair[1],
        other_target_group_arn=arns[1],
        listener=listener,
        preview=_preview(elb, listener, arns[1]),
        address=f"http://{balancer['DNSName']}:{port}",
    )


def add_network_balancer(
    environment: dict[str, str],
    base: Infrastructure,
    stack: str,
    *,
    port: int,
    health: str = "/health",
    app_port: int = 8080,
) -> Infrastructure:
    """A balancer of TCP connections. Its targets are checked over HTTP."""
    elb = _elb(environment, base.region)
    made = elb.create_load_balancer(Name=stack, Type="network", Subnets=list(base.subnets))
    balancer = made["LoadBalancers"][0]
    return _with_one_target_group(elb, balancer, base, stack, port, health, app_port, "TCP")


def add_classic_balancer(
    environment: dict[str, str],
    base: Infrastructure,
    stack: str,
    *,
    port: int,
    health: str = "/health",
    app_port: int = 8080,
) -> Infrastructure:
    """A classic balancer with connection draining for one more stack."""
    elb = _elb(environment, base.region, "elb")
    listener = {
        "Protocol": "HTTP",
        "LoadBalancerPort": port,
        "InstanceProtocol": "HTTP",
        "InstancePort": app_port,
    }
    made = elb.create_load_balancer(
        LoadBalancerName=stack,
        Subnets=list(base.subnets),
        SecurityGroups=[base.security_group],
        Listeners=[listener],
    )
    health_check = {
        "Target": f"HTTP:{app_port}{health}",
        "Interval": 5,
        "Timeout": 2,
        "UnhealthyThreshold": 2,
        "HealthyThreshold": 2,
    }
    elb.configure_health_check(LoadBalancerName=stack, HealthCheck=health_check)
    elb.modify_load_balancer_attributes(
        LoadBalancerName=stack,
        LoadBalancerAttributes={"ConnectionDraining": {"Enabled": True, "Timeout": 60}},
    )
    address = f"http://{made['DNSName']}:{port}"
    return replace(base, target_group="", target_group_arn="", classic=stack, address=address)


# By the name of the strategy; the strategy "attach" also serves behind a network balancer.
BALANCERS: dict[str, Callable[..., Infrastructure]] = {
    "attach": add_balancer,
    "network": add_network_balancer,
    "classic": add_classic_balancer,
    "weighted": add_weighted_balancer,
}


def _elb(environment: dict[str, str], region: str, service: str = "elbv2") -> Any:
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=region,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def _with_one_target_group(
    elb: Any,
    balancer: dict[str, str],
    base: Infrastructure,
    stack: str,
    port: int,
    health: str,
    app_port: int,
    protocol: str = "HTTP",
) -> Infrastructure:
    name = names.target_group(stack)
    arn = _target_group(elb, name, base.vpc, health, app_port, protocol)
    _listener(elb, balancer, port, {"Type": "forward", "TargetGroupArn": arn}, protocol)
    return replace(
        base,
        target_group=name,
        target_group_arn=arn,
        address=f"http://{balancer['DNSName']}:{port}",
    )


def _listener(
    elb: Any, balancer: dict[str, str], port: int, action: dict[str, Any], protocol: str = "HTTP"
) -> str:
    listeners = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol=protocol,
        Port=port,
        DefaultActions=[action],
    )["Listeners"]
    return str(listeners[0]["ListenerArn"])


def _preview(elb: Any, listener: str, target_group_arn: str) -> str:
    header = {"HttpHeaderName": "X-Preview", "Values": ["green"]}
    rules = elb.create_rule(
        ListenerArn=listener,
        Priority=1,
        Actions=[{"Type": "forward", "TargetGroupArn": target_group_arn}],
        Conditions=[{"Field": "http-header", "HttpHeaderConfig": header}],
    )["Rules"]
    return str(rules[0]["RuleArn"])


def _target_group(
    elb: Any, name: str, vpc: str, health: str, app_port: int, protocol: str = "HTTP"
) -> str:
    arn: str = elb.create_target_group(
        Name=name,
        Protocol=protocol,
        Port=app_port,
        VpcId=vpc,
        HealthCheckProtocol="HTTP",
        HealthCheckPath=health,
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=4,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(
        TargetGroupArn=arn,
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}],
    )
    return arn
