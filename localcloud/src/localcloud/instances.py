"""EC2 instances that take time, are processes, and honour their client token."""

from __future__ import annotations

import copy
from typing import Any

from localcloud import pages
from localcloud.patches import Original, corrects, replaces
from localcloud.power import RUNNING, SHUTTING_DOWN, STOPPED, STOPPING, TERMINATED, Power
from localcloud.region import Region
from localcloud.ssh import Ssh
from localcloud.upstream import EC2ClientError

_EC2 = "moto.ec2.models:EC2Backend."
_NO_TOKEN = "ABCDE"  # noqa: S105 (what moto fills in for a call without one)


class Instances:
    def __init__(self, region: Region, ssh: Ssh) -> None:
        self._region = region
        self._power = Power(region, ssh)
        # By client token: what was asked, and the reservation that was answered.
        self._answered: dict[str, tuple[Any, Any]] = {}
        region.every_tick(self._power.tick)

    @replaces(
        "moto.ec2.models.subnets:Subnet.available_ip_address_count",
        "A subnet's free addresses include those of terminated instances.",
        pages.ec2("Subnet"),
    )
    def count_addresses(self, subnet: Any) -> int:
        return int(subnet._available_ip_addresses - len(subnet._subnet_ips))

    @corrects(
        _EC2 + "create_vpc",
        "A VPC has the network in which the local cloud's instances can listen, or is refused.",
        pages.ec2("CreateVpc"),
    )
    def create_vpc(
        self, original: Original, ec2: Any, cidr_block: str, *more: Any, **named: Any
    ) -> Any:
        network = self._region.settings.cidr
        # moto makes each region's default VPC by the same call.
        if cidr_block != network and not cidr_block.startswith("172.31."):
            raise EC2ClientError(
                "NotImplemented",
                f"the local cloud's instances listen in {network}: create the VPC with that CIDR"
                " block",
            )
        return original(ec2, cidr_block, *more, **named)

    @corrects(
        _EC2 + "run_instances",
        "An instance is pending until its machine has booted; a client token launches once;"
        " an image must be available; capacity can be short.",
        pages.ec2("RunInstances"),
    )
    def run_instances(
        self,
        original: Original,
        ec2: Any,
        image_id: Any,
        count: int,
        user_data: Any,
        security_group_names: Any,
        **more: Any,
    ) -> Any:
        token = more.get("client_token") or _NO_TOKEN
        asked = (image_id, count, str(user_data), more.get("subnet_id"), more.get("instance_type"))
        if token in self._answered:
            return self._answer_again(token, asked)
        image = image_id or ec2._get_template_from_args(more["launch_template"]).image_id
        _require_launchable(ec2, image)
        self._require_capacity(more)
        reservation = original(ec2, image_id, count, user_data, security_group_names, **more)
        if token != _NO_TOKEN:
            self._answered[token] = (asked, reservation)
        for instance in reservation.instances:
            self._power.first_boot(instance)
        return reservation

    @corrects(
        _EC2 + "associate_iam_instance_profile",
        "An instance keeps the association with the profile that it was launched with.",
        pages.ec2("AssociateIamInstanceProfile"),
    )
    def associate_profile(
        self, original: Original, ec2: Any, instance_id: str, *more: Any, **named: Any
    ) -> Any:
        known = ec2.iam_instance_profile_associations.get(instance_id)
        return known or original(ec2, instance_id, *more, **named)

    @corrects(
        _EC2 + "terminate_instances",
        "An instance is shutting down until its processes have ended.",
        pages.ec2("TerminateInstances"),
    )
    def terminate_instances(self, original: Original, ec2: Any, instance_ids: list[str]) -> Any:
        changed = []
        for instance in ec2.get_multi_instances_by_id(instance_ids):
            if instance.disable_api_termination is True:
                return original(ec2, instance_ids)
            changed.append((instance, copy.copy(instance._state)))
            if instance.state_code not in (SHUTTING_DOWN, TERMINATED):
                self._power.shut_down(instance)
        return changed

    @replaces(
        _EC2 + "stop_instances",
        "An instance is stopping until its processes have ended; a pending one cannot be stopped.",
        pages.ec2("StopInstances"),
    )
    def stop_instances(self, ec2: Any, instance_ids: list[str]) -> Any:
        changed = []
        for instance in ec2.get_multi_instances_by_id(instance_ids):
            if instance.state_code not in (RUNNING, STOPPING, STOPPED):
                raise EC2ClientError(
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be stopped.",
                )
            changed.append((instance, copy.copy(instance._state)))
            if instance.state_code == RUNNING:
                self._power.stop(instance)
        return changed

    @corrects(
        _EC2 + "start_instances",
        "A stopped instance is pending until its machine has booted again.",
        pages.ec2("StartInstances"),
    )
    def start_instances(self, original: Original, ec2: Any, instance_ids: list[str]) -> Any:
        changed = original(ec2, instance_ids)
        for instance, _ in changed:
            self._power.boot_again(instance)
        return changed

    @replaces(
        "moto.autoscaling.models:AutoScalingBackend.notify_terminate_instances",
        "A group replaces a terminated member in its own time (groups.py), not inside"
        " TerminateInstances.",
        pages.autoscaling("DescribeScalingActivities"),
    )
    def notify_terminated(self, autoscaling: Any, instance_ids: list[str]) -> None:
        """Nothing: Groups sees it at its next tick."""

    def _answer_again(self, token: str, asked: Any) -> Any:
        asked_before, reservation = self._answered[token]
        if asked_before != asked:
            raise EC2ClientError(
                "IdempotentParameterMismatch",
                f"The token {token} was used before with other parameters",
            )
        return reservation

    def _require_capacity(self, call: dict[str, Any]) -> None:
        fault = self._region.faults.take(
            ("insufficient_capacity",),
            "RunInstances",
            subnet=str(call.get("subnet_id")),
            type=str(call.get("instance_type")),
            tags=str(call.get("tags")),
        )
        if fault:
            raise EC2ClientError(
                "InsufficientInstanceCapacity",
                f"We currently do not have sufficient {call.get('instance_type')} capacity in the"
                " Availability Zone you requested.",
            )


def _require_launchable(ec2: Any, image_id: str) -> None:
    image = ec2.amis.get(image_id)
    if image is None:
        raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    if image.state != "available":
        raise EC2ClientError(
            "InvalidAMIID.Unavailable",
            f"The image ID '[{image_id}]' is {image.state}, not available",
        )
