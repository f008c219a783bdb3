"""What a meddler sees and reaches of a stack, by plain boto3, as anybody in the account does."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from bench.meddle.doors import Doors
from demo.account import Account
from demo.infrastructure import Infrastructure

# Seconds between the two halves of what is taken back again.
A_WHILE = 2.0


class NothingThere(LookupError):
    """There is nothing at this moment that this kind could meddle with."""


@dataclass
class Scene:
    """`old` is the tag that served before the play, `new` the one that is asked for."""

    account: Account
    name: str
    strategy: str
    infrastructure: Infrastructure
    doors: Doors
    old: str
    new: str
    # The image of a version that no play asks for, and what was launched from it.
    foreign_image: str
    api_rule: str = ""
    strangers: list[str] = field(default_factory=list)
    foreign_groups: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    @property
    def autoscaling(self) -> Any:
        return self.account.autoscaling

    @property
    def elb(self) -> Any:
        return self.account.elbv2

    @property
    def alarm(self) -> str:
        return f"{self.name}-5xx"

    @property
    def balancer(self) -> str:
        """The ARN."""
        found = self.elb.describe_load_balancers(Names=[self.name])["LoadBalancers"]
        return str(found[0]["LoadBalancerArn"])

    @property
    def listener(self) -> dict[str, Any]:
        found = self.elb.describe_listeners(LoadBalancerArn=self.balancer)["Listeners"]
        if not found:
            raise NothingThere("no listener is left")
        first: dict[str, Any] = found[0]
        return first

    @property
    def target_groups(self) -> list[str]:
        """The ARNs; none behind a classic balancer."""
        both = (
            self.infrastructure.target_group_arn,
            self.infrastructure.other_target_group_arn,
        )
        return [arn for arn in both if arn]

    def wait(self, seconds: float = A_WHILE) -> None:
        threading.Event().wait(seconds)

    def group(self, role: str) -> dict[str, Any]:
        """Of "blue" or "green", by its name: tags may have been meddled with."""
        tag = self.old if role == "blue" else self.new
        for group in self.account.groups():
            if group["AutoScalingGroupName"].startswith(f"{self.name}-{tag}-"):
                return group
        raise NothingThere(f"{role} does not exist")

    def group_name(self, role: str) -> str:
        return str(self.group(role)["AutoScalingGroupName"])

    def members(self, role: str) -> list[str]:
        """Instances in service. Raises NothingThere where there is none."""
        found = [
            member["InstanceId"]
            for member in self.group(role)["Instances"]
            if member["LifecycleState"] == "InService"
        ]
        if not found:
            raise NothingThere(f"{role} has no instance in service")
        return found

    def membership(self, role: str) -> tuple[list[str], list[str]]:
        """Its target groups and classic balancers."""
        group = self.group(role)
        return group.get("TargetGroupARNs", []), group.get("LoadBalancerNames", [])

    def attach(self, role: str) -> None:
        """At the balancer that is its own: with weights, the target group of its instances."""
        name = self.group_name(role)
        if self.strategy == "classic":
            self.autoscaling.attach_load_balancers(
                AutoScalingGroupName=name, LoadBalancerNames=[self.infrastructure.classic]
            )
            return
        self.autoscaling.attach_load_balancer_target_groups(
            AutoScalingGroupName=name, TargetGroupARNs=[self.target_group_of(role)]
        )

    def detach(self, role: str) -> None:
        name, (arns, classic) = self.group_name(role), self.membership(role)
        if not (arns or classic):
            raise NothingThere(f"{role} is attached to nothing")
        if arns:
            self.autoscaling.detach_load_balancer_target_groups(
                AutoScalingGroupName=name, TargetGroupARNs=arns
            )
        if classic:
            self.autoscaling.detach_load_balancers(
                AutoScalingGroupName=name, LoadBalancerNames=classic
            )

    def target_group_of(self, role: str) -> str:
        """With weights, blue has one and green the other; v1 was released first, into the first."""
        arns = self.target_groups
        if len(arns) == 1:
            return arns[0]
        return arns[0 if (self.old if role == "blue" else self.new) == "v1" else 1]

    def resize(self, role: str, **sizes: int) -> None:
        """`least`, `most` and `desired`."""
        words = {"least": "MinSize", "most": "MaxSize", "desired": "DesiredCapacity"}
        self.autoscaling.update_auto_scaling_group(
            AutoScalingGroupName=self.group_name(role),
            **{words[key]: value for key, value in sizes.items()},
        )

    def suspend(self, role: str, *processes: str) -> None:
        self.autoscaling.suspend_processes(
            AutoScalingGroupName=self.group_name(role),
            **({"ScalingProcesses": list(processes)} if processes else {}),
        )

    def hire_stranger(self) -> str:
        """An instance in service that belongs to nobody's stack."""
        made = self.account.ec2.run_instances(
            ImageId=self.foreign_image,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.infrastructure.subnets[0],
            SecurityGroupIds=[self.infrastructure.security_group],
        )["Instances"][0]["InstanceId"]
        self.strangers.append(made)
        self.account.ec2.get_waiter("instance_running").wait(
            InstanceIds=[made], WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )
        return str(made)
