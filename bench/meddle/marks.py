"""Meddling with tags, images, alarms, and with what looks like a deployment and is none."""

from __future__ import annotations

from collections.abc import Callable

from bench.meddle.kinds import kind
from bench.meddle.scene import Scene


def _untag(scene: Scene, role: str, *keys: str) -> None:
    """Those tags of Ovenbird's that are given, or all of them."""
    group = scene.group(role)
    scene.autoscaling.delete_tags(
        Tags=[
            _tag(group["AutoScalingGroupName"], tag["Key"], tag["Value"])
            for tag in group["Tags"]
            if tag["Key"].startswith("ovenbird:") and (not keys or tag["Key"] in keys)
        ]
    )


def _tag(group: str, key: str, value: str) -> dict[str, object]:
    return {
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": key,
        "Value": value,
        "PropagateAtLaunch": False,
    }


def _write(scene: Scene, role: str, key: str, value: str) -> None:
    name = scene.group_name(role)
    scene.autoscaling.create_or_update_tags(Tags=[_tag(name, key, value)])


def _taker(role: str, *keys: str) -> Callable[[Scene], None]:
    return lambda scene: _untag(scene, role, *keys)


for _role in ("blue", "green"):
    for _key in ("state", "release", "stack"):
        kind(f"the tag ovenbird:{_key} is taken off {_role}")(_taker(_role, f"ovenbird:{_key}"))
    kind(f"Terraform takes all tags of Ovenbird's off {_role}")(_taker(_role))


@kind("somebody marks green as serving")
def green_marked(scene: Scene) -> None:
    _write(scene, "green", "ovenbird:state", "serving")


@kind("somebody marks blue as parked")
def blue_marked(scene: Scene) -> None:
    _write(scene, "blue", "ovenbird:state", "parked")


def _fill(scene: Scene, role: str) -> None:
    """A group may have 50 tags."""
    group = scene.group(role)
    name, there = group["AutoScalingGroupName"], len(group["Tags"])
    tags = [_tag(name, f"cost-{number}", "shop") for number in range(50 - there)]
    for begin in range(0, len(tags), 25):
        scene.autoscaling.create_or_update_tags(Tags=tags[begin : begin + 25])


@kind("others tag green until it has 50 tags")
def green_full(scene: Scene) -> None:
    _fill(scene, "green")


@kind("others tag blue until it has 50 tags")
def blue_full(scene: Scene) -> None:
    _fill(scene, "blue")


@kind("the Name of green's instances is changed")
def renamed(scene: Scene) -> None:
    scene.account.ec2.create_tags(
        Resources=scene.members("green"), Tags=[{"Key": "Name", "Value": "web"}]
    )
    _write(scene, "green", "Name", "web")


def _foreign_group(scene: Scene, tags: list[dict[str, object]], size: int) -> str:
    name = f"{scene.name}x-copy"
    scene.account.ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={
            "ImageId": scene.foreign_image,
            "InstanceType": "t3.micro",
            "SecurityGroupIds": [scene.infrastructure.security_group],
        },
    )
    scene.foreign_groups.append(name)
    scene.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": name, "Version": "1"},
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=size,
        VPCZoneIdentifier=",".join(scene.infrastructure.subnets),
        Tags=tags,
    )
    return name


def _copied(scene: Scene, role: str) -> None:
    name = f"{scene.name}x-copy"
    tags = [_tag(name, tag["Key"], tag["Value"]) for tag in scene.group(role)["Tags"]]
    _foreign_group(scene, tags, 1)


@kind("a foreign group gets copies of all of blue's tags")
def blue_copied(scene: Scene) -> None:
    _copied(scene, "blue")


@kind("a foreign group gets copies of all of green's tags")
def green_copied(scene: Scene) -> None:
    _copied(scene, "green")


@kind("a foreign group joins the balancer", stranger=True)
def foreign_group(scene: Scene) -> None:
    name = _foreign_group(scene, [], 1)
    if scene.strategy == "classic":
        scene.autoscaling.attach_load_balancers(
            AutoScalingGroupName=name, LoadBalancerNames=[scene.infrastructure.classic]
        )
        return
    scene.autoscaling.attach_load_balancer_target_groups(
        AutoScalingGroupName=name, TargetGroupARNs=[scene.target_group_of("green")]
    )


@kind("the watched alarm rings")
def alarm_rings(scene: Scene) -> None:
    scene.account.cloudwatch.set_alarm_state(
        AlarmName=scene.alarm, StateValue="ALARM", StateReason="somebody tries it"
    )


@kind("the watched alarm is deleted")
def alarm_deleted(scene: Scene) -> None:
    scene.account.cloudwatch.delete_alarms(AlarmNames=[scene.alarm])


def _deregister_image(scene: Scene, tag: str) -> None:
    for image in scene.account.ec2.describe_images(Owners=["self"])["Images"]:
        tags = {one["Key"]: one["Value"] for one in image.get("Tags", [])}
        if (tags.get("ovenbird:application"), tags.get("ovenbird:tag")) == (scene.name, tag):
            chosen = {"ImageId": image["ImageId"]}
            scene.account.ec2.disable_image_deregistration_protection(**chosen)
            scene.account.ec2.deregister_image(**chosen)


@kind("green's image is deregistered", own_images=True)
def green_image(scene: Scene) -> None:
    _deregister_image(scene, scene.new)


@kind("blue's image is deregistered", own_images=True)
def blue_image(scene: Scene) -> None:
    _deregister_image(scene, scene.old)


@kind("nothing: nobody meddles")
def nothing(scene: Scene) -> None:
    """What comes out bad here is no meddler's doing."""
    scene.wait(0)
