"""Meddling with targets: which instances are registered, how they are checked, how they leave."""

from __future__ import annotations

from bench.meddle.kinds import FOREVER, MODERN, UNTIL_BACK, kind
from bench.meddle.scene import Scene


def _deregister(scene: Scene, role: str, *, all_of_it: bool) -> None:
    instances = scene.members(role)[: None if all_of_it else 1]
    if scene.strategy == "classic":
        scene.account.elb.deregister_instances_from_load_balancer(
            LoadBalancerName=scene.infrastructure.classic,
            Instances=[{"InstanceId": one} for one in instances],
        )
        return
    scene.elb.deregister_targets(
        TargetGroupArn=scene.target_group_of(role), Targets=[{"Id": one} for one in instances]
    )


@kind("one target of green is deregistered by hand")
def green_deregistered(scene: Scene) -> None:
    _deregister(scene, "green", all_of_it=False)


@kind("one target of blue is deregistered by hand")
def blue_deregistered(scene: Scene) -> None:
    _deregister(scene, "blue", all_of_it=False)


@kind("all targets of green are deregistered by hand", hurts=UNTIL_BACK)
def all_green_deregistered(scene: Scene) -> None:
    _deregister(scene, "green", all_of_it=True)


@kind("all targets of blue are deregistered by hand", hurts=FOREVER)
def all_blue_deregistered(scene: Scene) -> None:
    _deregister(scene, "blue", all_of_it=True)


@kind("a foreign instance is registered where green is", stranger=True)
def foreign_target(scene: Scene) -> None:
    stranger = scene.hire_stranger()
    if scene.strategy == "classic":
        scene.account.elb.register_instances_with_load_balancer(
            LoadBalancerName=scene.infrastructure.classic, Instances=[{"InstanceId": stranger}]
        )
        return
    arn = scene.target_group_of("green")
    scene.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": stranger}])


@kind("the deregistration delay becomes 0", MODERN)
def no_delay(scene: Scene) -> None:
    _set_delay(scene, 0)


@kind("the deregistration delay becomes longer than the drain may last", MODERN)
def long_delay(scene: Scene) -> None:
    _set_delay(scene, 3600)


def _set_delay(scene: Scene, seconds: int) -> None:
    for arn in scene.target_groups:
        scene.elb.modify_target_group_attributes(
            TargetGroupArn=arn,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}],
        )


@kind("connection draining is switched off", ("classic",))
def classic_no_delay(scene: Scene) -> None:
    scene.account.elb.modify_load_balancer_attributes(
        LoadBalancerName=scene.infrastructure.classic,
        LoadBalancerAttributes={"ConnectionDraining": {"Enabled": False}},
    )


@kind("the health check asks for a path that is not there", MODERN, hurts=UNTIL_BACK)
def wrong_path(scene: Scene) -> None:
    for arn in scene.target_groups:
        scene.elb.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/health?pause=5")


@kind("the health check asks a port that is not there", ("classic",), hurts=FOREVER)
def classic_wrong_port(scene: Scene) -> None:
    scene.account.elb.configure_health_check(
        LoadBalancerName=scene.infrastructure.classic,
        HealthCheck={
            "Target": "HTTP:9/health",
            "Interval": 5,
            "Timeout": 2,
            "UnhealthyThreshold": 2,
            "HealthyThreshold": 2,
        },
    )
