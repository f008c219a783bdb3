"""A stack that is made for one run of the meddler, and is gone after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from temporalio.client import Client

from bench.meddle.doors import Doors
from bench.meddle.scene import Scene
from bench.meddle.wiring import API, forward
from bench.runs import Runs, Stacks
from demo.account import Account
from demo.balancers import BALANCERS
from demo.example import Repository
from demo.infrastructure import Infrastructure

TASK_QUEUE = "meddle"
APPLICATION = "meddled"
# Impatient: what is hopeless ends as dirty within seconds.
TIMEOUTS = (
    "first_poll = 0.15\npoll = 0.4\nconfirm = 0.1\nhealthy = {healthy}\napproval = 60\n"
    "soak = {soak}\nstep = {step}\nhot = {hot}\ndrain = 12\nconsistency_grace = 2\nway_back = 20"
)
# Seconds until a run must have ended.
LIMIT = 100.0
PORT = 8000


@dataclass
class Ground:
    """What all stacks of one cloud share. `images` are ids by tag."""

    environment: dict[str, str]
    account: Account
    client: Client
    base: Infrastructure
    stacks: Stacks
    repository: Repository
    foreign_image: str = ""


class MeddledStack(Runs):
    """`build` and `demolish` block: they belong into a thread."""

    def __init__(self, ground: Ground, name: str, strategy: str, *, own_images: bool) -> None:
        super().__init__(ground.client, name, TASK_QUEUE, LIMIT)
        self.ground, self.strategy = ground, strategy
        self._application = name if own_images else APPLICATION

    def build(self) -> None:
        """The balancer, its rules, and the alarm that is watched."""
        ground = self.ground
        self.infrastructure = BALANCERS[self.strategy](
            ground.environment, ground.base, self.name, port=PORT
        )
        self.api_rule = self._second_rule() if self.strategy == "weighted" else ""
        if self.strategy == "classic":
            ground.account.elb.modify_load_balancer_attributes(
                LoadBalancerName=self.name,
                LoadBalancerAttributes={"ConnectionDraining": {"Enabled": True, "Timeout": 10}},
            )
        ground.account.cloudwatch.put_metric_alarm(
            AlarmName=f"{self.name}-5xx",
            Namespace="Shop",
            MetricName="Errors",
            ComparisonOperator="GreaterThanThreshold",
            Threshold=1,
            Period=60,
            EvaluationPeriods=1,
            Statistic="Sum",
        )
        ground.account.cloudwatch.set_alarm_state(
            AlarmName=f"{self.name}-5xx", StateValue="OK", StateReason="made"
        )

    def _second_rule(self) -> str:
        infrastructure = self.infrastructure
        weights = {
            infrastructure.target_group_arn: 100,
            infrastructure.other_target_group_arn: 0,
        }
        made = self.ground.account.elbv2.create_rule(
            ListenerArn=infrastructure.listener,
            Priority=10,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": [API]}}],
            Actions=[forward(weights)],
        )
        return str(made["Rules"][0]["RuleArn"])

    def configure(
        self,
        *,
        soak: float = 0.2,
        step: float = 0.2,
        hot: float = 0,
        approval: bool = False,
        healthy: float = 60,
    ) -> None:
        """For the runs that start from now on."""
        weighted = self.strategy == "weighted"
        text = self.infrastructure.stack(
            self.name,
            self.ground.repository.url,
            application=self._application,
            timeouts=TIMEOUTS.format(soak=soak, step=step, hot=hot, healthy=healthy),
            load_balancer="steps = [50, 100]\n" if weighted else "",
            capacity="min = 1\nmax = 8\ndesired = 2",
            sweeping="age = 0\nshare = 1.0",
            watch=f'alarms = ["{self.name}-5xx"]',
            top=f"approval = {str(approval).lower()}\n"
            'scaling = [{ metric = "cpu", target = 50 }]',
        )
        self.ground.stacks.write(self.name, text)

    def scene(self, doors: Doors, old: str, new: str) -> Scene:
        return Scene(
            self.ground.account,
            self.name,
            self.strategy,
            self.infrastructure,
            doors,
            old,
            new,
            self.ground.foreign_image,
            self.api_rule,
        )

    @property
    def urls(self) -> list[str]:
        address = self.infrastructure.address
        return [f"{address}/", f"{address}/api/"] if self.api_rule else [f"{address}/"]

    def demolish(self, scene: Scene | None) -> None:
        """So that its processes do not slow down the runs that come."""
        account = self.ground.account
        if scene and scene.strangers:
            account.ec2.terminate_instances(InstanceIds=scene.strangers)
        for group in account.groups():
            name = group["AutoScalingGroupName"]
            if name.startswith((f"{self.name}-", f"{self.name}x-")):
                self._end_group(name)
        if self.strategy == "classic":
            account.elb.delete_load_balancer(LoadBalancerName=self.name)
        else:
            self._end_balancer()

    def _end_group(self, name: str) -> None:
        autoscaling: Any = self.ground.account.autoscaling
        hooks = autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
        for hook in hooks:
            autoscaling.delete_lifecycle_hook(
                AutoScalingGroupName=name, LifecycleHookName=hook["LifecycleHookName"]
            )
        autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)

    def _end_balancer(self) -> None:
        elb = self.ground.account.elbv2
        for balancer in elb.describe_load_balancers(Names=[self.name])["LoadBalancers"]:
            arn = balancer["LoadBalancerArn"]
            for listener in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
                elb.delete_listener(ListenerArn=listener["ListenerArn"])
            elb.delete_load_balancer(LoadBalancerArn=arn)
