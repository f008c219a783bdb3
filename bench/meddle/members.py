"""Meddling with single instances."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from bench.meddle.kinds import MOMENT, UNTIL_BACK, kind
from bench.meddle.scene import NothingThere, Scene


def _terminate(scene: Scene, role: str) -> None:
    scene.account.ec2.terminate_instances(InstanceIds=scene.members(role)[:1])


@kind("one instance of green is terminated in EC2", hurts=MOMENT)
def green_terminated(scene: Scene) -> None:
    _terminate(scene, "green")


@kind("one instance of blue is terminated in EC2", hurts=MOMENT)
def blue_terminated(scene: Scene) -> None:
    _terminate(scene, "blue")


@kind("one instance of blue is stopped", hurts=MOMENT)
def blue_stopped(scene: Scene) -> None:
    scene.account.ec2.stop_instances(InstanceIds=scene.members("blue")[:1])


def _refresh(scene: Scene, role: str, *, fewer: bool = False) -> None:
    scene.autoscaling.terminate_instance_in_auto_scaling_group(
        InstanceId=scene.members(role)[0], ShouldDecrementDesiredCapacity=fewer
    )


@kind("Auto Scaling replaces one instance of green", hurts=MOMENT)
def green_refreshed(scene: Scene) -> None:
    _refresh(scene, "green")


@kind("Auto Scaling replaces one instance of blue", hurts=MOMENT)
def blue_refreshed(scene: Scene) -> None:
    _refresh(scene, "blue")


@kind("the console terminates one instance of green, and lowers its size")
def green_fewer(scene: Scene) -> None:
    group = scene.group_name("green")
    scene.autoscaling.update_auto_scaling_group(AutoScalingGroupName=group, MinSize=0)
    _refresh(scene, "green", fewer=True)


def _kill(scene: Scene, instances: list[str]) -> None:
    for instance in instances:
        url = f"{scene.account.endpoint}/localcloud/instances/{instance}/kill"
        request = urllib.request.Request(url, data=json.dumps(None).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=20) as reply:
            reply.read()


@kind("the process of one instance of green dies", hurts=MOMENT)
def green_killed(scene: Scene) -> None:
    _kill(scene, scene.members("green")[:1])


@kind("the process of one instance of blue dies", hurts=MOMENT)
def blue_killed(scene: Scene) -> None:
    _kill(scene, scene.members("blue")[:1])


@kind("the processes of all of green die", hurts=UNTIL_BACK)
def all_green_killed(scene: Scene) -> None:
    _kill(scene, scene.members("green"))


@kind("the processes of all of blue die", hurts=UNTIL_BACK)
def all_blue_killed(scene: Scene) -> None:
    _kill(scene, scene.members("blue"))


def _sicken(scene: Scene, instances: list[str]) -> None:
    """It fails its health checks, and answers users all the same."""
    roots = {machine["id"]: Path(machine["root"]) for machine in scene.account.machines()}
    for instance in instances:
        apps = list(roots[instance].rglob("app.py"))
        if not apps:
            raise NothingThere(f"{instance} has no application yet")
        for app in apps:
            (app.parent / "SICK").write_text("yes")


@kind("one instance of green fails its health checks")
def green_sick(scene: Scene) -> None:
    _sicken(scene, scene.members("green")[:1])


@kind("one instance of blue fails its health checks")
def blue_sick(scene: Scene) -> None:
    _sicken(scene, scene.members("blue")[:1])


@kind("all of green fails its health checks", hurts=UNTIL_BACK)
def all_green_sick(scene: Scene) -> None:
    _sicken(scene, scene.members("green"))


@kind("all of blue fails its health checks", hurts=UNTIL_BACK)
def all_blue_sick(scene: Scene) -> None:
    _sicken(scene, scene.members("blue"))


@kind("a person sets one instance of green to Unhealthy")
def green_unhealthy(scene: Scene) -> None:
    instance = scene.members("green")[0]
    scene.autoscaling.set_instance_health(InstanceId=instance, HealthStatus="Unhealthy")


def _protect(scene: Scene, role: str) -> None:
    scene.autoscaling.set_instance_protection(
        AutoScalingGroupName=scene.group_name(role),
        InstanceIds=scene.members(role)[:1],
        ProtectedFromScaleIn=True,
    )


@kind("one instance of green is protected from scale-in")
def green_protected(scene: Scene) -> None:
    _protect(scene, "green")


@kind("one instance of blue is protected from scale-in")
def blue_protected(scene: Scene) -> None:
    _protect(scene, "blue")


def _stand_by(scene: Scene, role: str) -> None:
    group = scene.group_name(role)
    scene.autoscaling.update_auto_scaling_group(AutoScalingGroupName=group, MinSize=0)
    scene.autoscaling.enter_standby(
        AutoScalingGroupName=group,
        InstanceIds=scene.members(role)[:1],
        ShouldDecrementDesiredCapacity=True,
    )


@kind("one instance of green is put on Standby")
def green_standby(scene: Scene) -> None:
    _stand_by(scene, "green")


@kind("one instance of blue is put on Standby")
def blue_standby(scene: Scene) -> None:
    _stand_by(scene, "blue")


def _let_go(scene: Scene, role: str) -> None:
    group = scene.group_name(role)
    scene.autoscaling.detach_instances(
        AutoScalingGroupName=group,
        InstanceIds=scene.members(role)[:1],
        ShouldDecrementDesiredCapacity=False,
    )


@kind("the console detaches one instance of green from its group")
def green_let_go(scene: Scene) -> None:
    _let_go(scene, "green")


@kind("the console detaches one instance of blue from its group")
def blue_let_go(scene: Scene) -> None:
    _let_go(scene, "blue")
