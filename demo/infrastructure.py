"""What Terraform would make before Ovenbird comes: network, balancer, bucket, base image, and the stacks file that names them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import boto3

from domain import names


@dataclass(frozen=True)
class Infrastructure:
    """The ids that a stacks file names, and the address that users know."""

    region: str
    vpc: str
    subnets: tuple[str, ...]
    security_group: str
    base_image: str
    bucket: str
    target_group: str
    target_group_arn: str
    address: str
    # Of a stack whose traffic goes by weights: the second target group, and the rule that shows green before its time.
    other_target_group: str = ""
    other_target_group_arn: str = ""
    listener: str = ""
    preview: str = ""
    # Of a stack behind a classic load balancer: its name, in place of any target group.
    classic: str = ""

    @property
    def target_groups(self) -> tuple[str, ...]:
        return (
            (self.target_group, self.other_target_group)
            if self.other_target_group
            else (self.target_group,)
        )

    @property
    def wiring(self) -> str:
        """Lines of a stack's [load_balancer] table: what green joins, and how the traffic gets there."""
        if self.classic:
            return f'strategy = "classic"\nbalancers = ["{self.classic}"]\n'
        weighted = f'strategy = "weighted"\npreview = ["{self.preview}"]\n' if self.preview else ""
        return f"target_groups = {json.dumps(self.target_groups)}\n{weighted}"

    def stack(self, name: str, repository: str, **settings: str) -> str:
        """One stack of the file; `settings` are further TOML lines by table ("" for the top level)."""
        timeouts = settings.pop("timeouts", QUICK_TIMEOUTS)
        if "consistency_grace" not in timeouts:
            timeouts += "\nconsistency_grace = 2"
        more = "\n".join(
            f"[stacks.{name}.{table}]\n{lines}"
            for table, lines in settings.items()
            if table not in ("top", "capacity", "application", "bake", "load_balancer")
        )
        return f"""
[stacks.{name}]
region = "{self.region}"
{settings.get("top", "")}

[stacks.{name}.application]
name = "{settings.get("application", "shop")}"
repository = "{repository}"

[stacks.{name}.network]
vpc = "{self.vpc}"
subnets = {list(self.subnets)}

[stacks.{name}.instance]
type = "t3.micro"
security_groups = ["{self.security_group}"]

[stacks.{name}.bake]
base_image.id = "{self.base_image}"
artifacts_bucket = "{self.bucket}"
{settings.get("bake", "")}

[stacks.{name}.capacity]
{settings.get("capacity", "min = 2" + chr(10) + "max = 8")}

[stacks.{name}.load_balancer]
health_check_grace = 60
{self.wiring}{settings.get("load_balancer", "")}

[stacks.{name}.timeouts]
{timeouts}
{more}
"""


def built_with(builder: str, environment: dict[str, str]) -> str:
    """Lines of a stack's [bake] table: who bakes, and for Packer where the local cloud's SSH answers."""
    return f'builder = "{builder}"\npacker.variables.ssh_port = "{environment["LOCALCLOUD_SSH_PORT"]}"\n'


# The local cloud boots in a second: what waits minutes in production waits that long here.
QUICK_TIMEOUTS = """first_poll = 0.3
poll = 0.5
confirm = 0.2
healthy = 60
approval = 600
soak = 1
drain = 60"""


def build(
    environment: dict[str, str],
    *,
    stack: str = "demo",
    port: int = 8000,
    health: str = "/health",
    app_port: int = 8080,
    network: int = 1,
) -> Infrastructure:
    """
    Plain boto3 against whatever region the environment names: none of Ovenbird's code makes infrastructure.

    `network` is the third octet of the first subnet: all regions of a local cloud share its addresses.
    """
    session = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
    endpoint = environment["AWS_ENDPOINT_URL"]
    region = environment["AWS_DEFAULT_REGION"]
    ec2 = session.client("ec2", endpoint_url=endpoint)
    cidr = environment["LOCALCLOUD_CIDR"]
    prefix = cidr.rsplit(".", 2)[0]
    vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    subnets = tuple(
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"{prefix}.{number}.0/24", AvailabilityZone=f"{region}{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in ((network, "a"), (network + 1, "b"))
    )
    group = ec2.create_security_group(GroupName="web", Description="web servers", VpcId=vpc)[
        "GroupId"
    ]
    base = ec2.register_image(Name="base-2026.11", RootDeviceName="/dev/xvda")["ImageId"]
    bucket = f"ovenbird-artifacts-{vpc[-8:]}"
    s3: Any = session.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
    infrastructure = Infrastructure(region, vpc, subnets, group, base, bucket, "", "", "")
    return add_balancer(
        environment, infrastructure, stack, port=port, health=health, app_port=app_port
    )


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
    name = names.target_group(stack)
    arn = _target_group(elb, name, base.vpc, health, app_port)
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    return replace(
        base,
        target_group=name,
        target_group_arn=arn,
        address=f"http://{balancer['DNSName']}:{port}",
    )


def add_weighted_balancer(
    environment: dict[str, str],
    base: Infrastructure,
    stack: str,
    *,
    port: int,
    health: str = "/health",
    app_port: int = 8080,
) -> Infrastructure:
    """A balancer with two target groups, the second without traffic; a request with X-Preview: green sees that one."""
    elb = _elb(environment, base.region)
    balancer = elb.create_load_balancer(Name=stack, Subnets=list(base.subnets))["LoadBalancers"][0]
    pair = [names.target_group(f"{stack}-{which}") for which in ("one", "two")]
    arns = [_target_group(elb, name, base.vpc, health, app_port) for name in pair]
    weighted = [
        {"TargetGroupArn": arn, "Weight": weight}
        for arn, weight in zip(arns, (100, 0), strict=True)
    ]
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=port,
        DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}],
    )["Listeners"][0]["ListenerArn"]
    preview = elb.create_rule(
        ListenerArn=listener,
        Priority=1,
        Actions=[{"Type": "forward", "TargetGroupArn": arns[1]}],
        Conditions=[
            {
                "Field": "http-header",
                "HttpHeaderConfig": {"HttpHeaderName": "X-Preview", "Values": ["green"]},
            }
        ],
    )["Rules"][0]["RuleArn"]
    return replace(
        base,
        target_group=pair[0],
        target_group_arn=arns[0],
        other_target_group=pair[1],
        other_target_group_arn=arns[1],
        listener=listener,
        preview=preview,
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
    """A balancer of TCP connections, whose targets are checked over HTTP all the same."""
    elb = _elb(environment, base.region)
    balancer = elb.create_load_balancer(Name=stack, Type="network", Subnets=list(base.subnets))[
        "LoadBalancers"
    ][0]
    name = names.target_group(stack)
    arn = _target_group(elb, name, base.vpc, health, app_port, "TCP")
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="TCP",
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    return replace(
        base,
        target_group=name,
        target_group_arn=arn,
        address=f"http://{balancer['DNSName']}:{port}",
    )


def add_classic_balancer(
    environment: dict[str, str],
    base: Infrastructure,
    stack: str,
    *,
    port: int,
    health: str = "/health",
    app_port: int = 8080,
) -> Infrastructure:
    """A classic balancer that drains, for one more stack."""
    elb = _elb(environment, base.region, "elb")
    made = elb.create_load_balancer(
        LoadBalancerName=stack,
        Subnets=list(base.subnets),
        SecurityGroups=[base.security_group],
        Listeners=[
            {
                "Protocol": "HTTP",
                "LoadBalancerPort": port,
                "InstanceProtocol": "HTTP",
                "InstancePort": app_port,
            }
        ],
    )
    elb.configure_health_check(
        LoadBalancerName=stack,
        HealthCheck={
            "Target": f"HTTP:{app_port}{health}",
            "Interval": 5,
            "Timeout": 2,
            "UnhealthyThreshold": 2,
            "HealthyThreshold": 2,
        },
    )
    elb.modify_load_balancer_attributes(
        LoadBalancerName=stack,
        LoadBalancerAttributes={"ConnectionDraining": {"Enabled": True, "Timeout": 60}},
    )
    return replace(
        base,
        target_group="",
        target_group_arn="",
        classic=stack,
        address=f"http://{made['DNSName']}:{port}",
    )


# What a stack may be behind, by the name of its strategy; a network balancer is one more that "attach" knows.
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
