"""Meddling with groups: their sizes, their processes, their attachments, their existence."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from bench.meddle.kinds import AFTER_CUTOVER, FOREVER, UNTIL_BACK, kind
from bench.meddle.scene import NothingThere, Scene

# Blue has left the balancer, and carries nothing any more.
LEFT = AFTER_CUTOVER


@kind("blue is set to 0/0/0", moments=LEFT)
def blue_to_nothing(scene: Scene) -> None:
    scene.resize("blue", least=0, most=0, desired=0)


@kind("blue is set to 0/0/8", moments=LEFT)
def blue_to_zero(scene: Scene) -> None:
    scene.resize("blue", least=0, desired=0)


@kind("blue is set to 0/0/8 while it serves", hurts=UNTIL_BACK)
def serving_blue_to_zero(scene: Scene) -> None:
    scene.resize("blue", least=0, desired=0)


@kind("blue grows by one")
def blue_grows(scene: Scene) -> None:
    scene.resize("blue", desired=3)


@kind("blue grows from two to five")
def blue_grows_much(scene: Scene) -> None:
    scene.resize("blue", desired=5)


@kind("blue shrinks by one")
def blue_shrinks(scene: Scene) -> None:
    scene.resize("blue", least=1, desired=1)


@kind("green grows from two to four")
def green_grows(scene: Scene) -> None:
    scene.resize("green", desired=4)


@kind("green shrinks by one")
def green_shrinks(scene: Scene) -> None:
    scene.resize("green", least=1, desired=1)


@kind("green is set to 0/0/8", hurts=UNTIL_BACK)
def green_to_zero(scene: Scene) -> None:
    scene.resize("green", least=0, desired=0)


@kind("blue's maximum is lowered to one")
def max_lowered(scene: Scene) -> None:
    scene.resize("blue", least=0, most=1, desired=1)


@kind("a scheduler raises blue's minimum")
def min_raised(scene: Scene) -> None:
    scene.resize("blue", least=3, desired=3)


def _schedule(scene: Scene, role: str) -> None:
    scene.autoscaling.put_scheduled_update_group_action(
        AutoScalingGroupName=scene.group_name(role),
        ScheduledActionName="morning",
        StartTime=datetime.now(UTC) + timedelta(seconds=2),
        MinSize=3,
    )


@kind("a scheduled action raises blue's minimum two seconds later")
def blue_scheduled(scene: Scene) -> None:
    _schedule(scene, "blue")


@kind("a scheduled action raises green's minimum two seconds later")
def green_scheduled(scene: Scene) -> None:
    _schedule(scene, "green")


def _office_hours(scene: Scene, side: str) -> None:
    """Whoever closes the office opens it again only where the group is still there."""
    was = scene.group(side)
    scene.resize(side, least=0, desired=0)
    scene.wait()
    with contextlib.suppress(NothingThere, ClientError):
        scene.resize(side, least=was["MinSize"], desired=was["DesiredCapacity"])


@kind("office hours: blue is set to zero, and back after two seconds", hurts=UNTIL_BACK)
def office_hours(scene: Scene) -> None:
    _office_hours(scene, "blue")


@kind("office hours: green is set to zero, and back after two seconds", hurts=UNTIL_BACK)
def green_office_hours(scene: Scene) -> None:
    _office_hours(scene, "green")


@kind("blue is attached again after it left", moments=LEFT)
def blue_attached_again(scene: Scene) -> None:
    arns, classic = scene.membership("blue")
    if arns or classic:
        raise NothingThere("blue is attached")
    scene.attach("blue")


@kind("blue is detached early", hurts=FOREVER)
def blue_detached(scene: Scene) -> None:
    scene.detach("blue")


@kind("green is detached by hand", hurts=UNTIL_BACK)
def green_detached(scene: Scene) -> None:
    scene.detach("green")


@kind("green is detached by hand, and attached again after two seconds", hurts=UNTIL_BACK)
def green_detached_awhile(scene: Scene) -> None:
    scene.detach("green")
    scene.wait()
    scene.attach("green")


@kind("Terminate is suspended on green")
def green_terminate(scene: Scene) -> None:
    scene.suspend("green", "Terminate")


@kind("Terminate is suspended on blue")
def blue_terminate(scene: Scene) -> None:
    scene.suspend("blue", "Terminate")


@kind("Launch is suspended on green")
def green_launch(scene: Scene) -> None:
    scene.suspend("green", "Launch")


@kind("Launch is suspended on blue")
def blue_launch(scene: Scene) -> None:
    scene.suspend("blue", "Launch")


@kind("AddToLoadBalancer is suspended on green")
def green_add(scene: Scene) -> None:
    scene.suspend("green", "AddToLoadBalancer")


@kind("AddToLoadBalancer is suspended on blue")
def blue_add(scene: Scene) -> None:
    scene.suspend("blue", "AddToLoadBalancer")


@kind("all processes of green are suspended")
def green_all_suspended(scene: Scene) -> None:
    scene.suspend("green")


@kind("all processes of blue are suspended")
def blue_all_suspended(scene: Scene) -> None:
    scene.suspend("blue")


def _delete(scene: Scene, role: str) -> None:
    name = scene.group_name(role)
    scene.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)


@kind("green's group is deleted", hurts=UNTIL_BACK)
def green_deleted(scene: Scene) -> None:
    _delete(scene, "green")


@kind("blue's group is deleted", hurts=FOREVER)
def blue_deleted(scene: Scene) -> None:
    _delete(scene, "blue")


@kind("blue's group is deleted after it left", moments=LEFT)
def left_blue_deleted(scene: Scene) -> None:
    _delete(scene, "blue")


@kind("both groups are deleted", hurts=FOREVER)
def both_deleted(scene: Scene) -> None:
    for role in ("green", "blue"):
        _delete(scene, role)


def _delete_template(scene: Scene, role: str) -> None:
    name = scene.group_name(role)
    scene.account.ec2.delete_launch_template(LaunchTemplateName=name)


@kind("green's launch template is deleted")
def green_template(scene: Scene) -> None:
    _delete_template(scene, "green")


@kind("blue's launch template is deleted")
def blue_template(scene: Scene) -> None:
    _delete_template(scene, "blue")


@kind("the scaling policies of green are deleted")
def policies_deleted(scene: Scene) -> None:
    name = scene.group_name("green")
    found = scene.autoscaling.describe_policies(AutoScalingGroupName=name)["ScalingPolicies"]
    if not found:
        raise NothingThere("green has no policies")
    for policy in found:
        scene.autoscaling.delete_policy(AutoScalingGroupName=name, PolicyName=policy["PolicyName"])


def _hook(scene: Scene, role: str, transition: str) -> None:
    scene.autoscaling.put_lifecycle_hook(
        AutoScalingGroupName=scene.group_name(role),
        LifecycleHookName="ship-logs",
        LifecycleTransition=f"autoscaling:EC2_INSTANCE_{transition}",
        HeartbeatTimeout=600,
        DefaultResult="CONTINUE",
    )


@kind("green gets a terminating hook")
def green_hook(scene: Scene) -> None:
    _hook(scene, "green", "TERMINATING")


@kind("blue gets a terminating hook")
def blue_hook(scene: Scene) -> None:
    _hook(scene, "blue", "TERMINATING")


@kind("blue gets a launching hook")
def launching_hook(scene: Scene) -> None:
    _hook(scene, "blue", "LAUNCHING")
