"""EC2 instances that take time, are processes, and honour their client token."""

from __future__ import annotations

import copy
import time
from functools import partial
from typing import Any

from moto.autoscaling.models import AutoScalingBackend
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.subnets import Subnet
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

from localcloud.faults import Fault
from localcloud.machines import Machine, Sickness, copy_disk
from localcloud.region import REMEMBER_TERMINATED, TICK, Region, backends, correct
from localcloud.ssh import Ssh

PENDING, RUNNING, SHUTTING_DOWN, TERMINATED, STOPPING, STOPPED = 0, 16, 32, 48, 64, 80
_NAMES = {
    0: "pending",
    16: "running",
    32: "shutting-down",
    48: "terminated",
    64: "stopping",
    80: "stopped",
}
_NO_TOKEN = "ABCDE"  # noqa: S105 (what moto fills in for a call without one)


def install(region: Region, ssh: Ssh) -> None:
    tokens: dict[str, tuple[Any, Any]] = {}
    # Moto counts the addresses of what is long gone among those in use.
    Subnet.available_ip_address_count = property(
        lambda self: self._available_ip_addresses - len(self._subnet_ips)
    )

    @correct(TaggedEC2Resource, "get_tags")
    def get_tags(original: Any, self: Any) -> Any:
        """Moto looks for one resource's tags among those of all that ever were, by regular expression."""
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "") if self.id else ""
        tags = self.ec2_backend.tags.get(self.id, {})
        return [
            {"resource_id": self.id, "key": key, "value": value, "resource_type": kind}
            for key, value in tags.items()
        ]

    @correct(EC2Backend, "create_vpc")
    def create_vpc(original: Any, self: Any, cidr_block: str, *args: Any, **kwargs: Any) -> Any:
        if cidr_block != region.settings.cidr and not cidr_block.startswith("172.31."):
            raise EC2ClientError(
                "NotImplemented",
                f"the local cloud's instances listen in {region.settings.cidr}: create the VPC with that CIDR block",
            )
        return original(self, cidr_block, *args, **kwargs)

    @correct(EC2Backend, "run_instances")
    def run_instances(
        original: Any,
        self: Any,
        image_id: Any,
        count: int,
        user_data: Any,
        groups: Any,
        **more: Any,
    ) -> Any:
        token = more.get("client_token") or _NO_TOKEN
        asked = (image_id, count, str(user_data), more.get("subnet_id"), more.get("instance_type"))
        if token in tokens:
            before, reservation = tokens[token]
            if before != asked:
                raise EC2ClientError(
                    "IdempotentParameterMismatch",
                    f"The token {token} was used before with other parameters",
                )
            return reservation
        image = image_id or self._get_template_from_args(more["launch_template"]).image_id
        _require_launchable(self, image)
        shortage = region.faults.take(
            ("insufficient_capacity",),
            "RunInstances",
            subnet=str(more.get("subnet_id")),
            type=str(more.get("instance_type")),
            tags=str(more.get("tags")),
        )
        if shortage:
            raise EC2ClientError(
                "InsufficientInstanceCapacity",
                f"We currently do not have sufficient {more.get('instance_type')} capacity in the Availability Zone you requested.",
            )
        reservation = original(self, image_id, count, user_data, groups, **more)
        if token != _NO_TOKEN:
            tokens[token] = (asked, reservation)
        for instance in reservation.instances:
            _boot(region, ssh, instance)
        return reservation

    @correct(EC2Backend, "associate_iam_instance_profile")
    def associate(original: Any, self: Any, instance_id: str, *args: Any, **kwargs: Any) -> Any:
        known = self.iam_instance_profile_associations.get(instance_id)
        return known or original(self, instance_id, *args, **kwargs)

    @correct(EC2Backend, "terminate_instances")
    def terminate_instances(original: Any, self: Any, ids: list[str]) -> Any:
        changed = []
        for instance in self.get_multi_instances_by_id(ids):
            if instance.disable_api_termination is True:
                return original(self, ids)
            changed.append((instance, copy.copy(instance._state)))
            if instance.state_code not in (SHUTTING_DOWN, TERMINATED):
                _shut_down(region, instance)
        return changed

    @correct(EC2Backend, "stop_instances")
    def stop_instances(original: Any, self: Any, ids: list[str]) -> Any:
        changed = []
        for instance in self.get_multi_instances_by_id(ids):
            if instance.state_code not in (RUNNING, STOPPING, STOPPED):
                raise EC2ClientError(
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be stopped.",
                )
            changed.append((instance, copy.copy(instance._state)))
            if instance.state_code == RUNNING:
                _become(instance, STOPPING)
                region.machines[instance.id].halt()
                region.later(region.delays.stop, partial(_stopped, region, instance))
        return changed

    @correct(EC2Backend, "start_instances")
    def start_instances(original: Any, self: Any, ids: list[str]) -> Any:
        changed = original(self, ids)
        for instance, _ in changed:
            _become(instance, PENDING)
            _start(region, ssh, instance, None)
        return changed

    # The group's own clock replaces what is gone (groups.py): moto does it inside TerminateInstances.
    AutoScalingBackend.notify_terminate_instances = lambda _self, _ids: None

    region.every_tick(lambda: _tick(region))


def _require_launchable(ec2: Any, image_id: str) -> None:
    image = ec2.amis.get(image_id)
    if image is None:
        raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    if image.state != "available":
        raise EC2ClientError(
            "InvalidAMIID.Unavailable",
            f"The image ID '[{image_id}]' is {image.state}, not available",
        )


def _boot(region: Region, ssh: Ssh, instance: Any) -> None:
    _become(instance, PENDING)
    instance.since = time.monotonic()
    root = region.directory("instances", instance.id)
    region.machines[instance.id] = Machine(
        instance.id,
        instance.private_ip,
        root,
        region.lease.note_process_group,
        region.environment_of(instance.id, instance.ec2_backend.region_name),
    )
    fault = region.faults.take(
        ("boot_silent", "boot_errors"),
        "RunInstances",
        id=instance.id,
        image=instance.image_id,
        tags=str(instance.get_tags()),
    )
    _start(region, ssh, instance, fault)


def _start(region: Region, ssh: Ssh, instance: Any, fault: Fault | None) -> None:
    """Copying a disk and running user data takes real time: not under the lock, or the whole region would stand still."""
    machine = region.machines[instance.id]
    image = region.settings.home / "images" / str(instance.image_id)
    user_data = instance.user_data.decode().encode() if instance.user_data else None
    sickness = Sickness(fault.kind.removeprefix("boot_"), fault.healthy_paths) if fault else None
    started = time.monotonic()
    machine.booting = True

    def boot() -> None:
        try:
            if not machine.root.exists():
                copy_disk(image, machine.root)
            if instance.state_code == PENDING:
                machine.boot(user_data=user_data, sickness=sickness)
                ssh.open(machine, instance.key_name)
        finally:
            # A machine whose boot went wrong runs all the same, and serves nothing: AWS knows no better either.
            region.later(max(0, started + region.delays.boot - time.monotonic()), running)

    def running() -> None:
        machine.booting = False
        if instance.state_code == PENDING:
            _become(instance, RUNNING)
        else:
            machine.halt()

    region.in_background(boot)


def _shut_down(region: Region, instance: Any) -> None:
    _become(instance, SHUTTING_DOWN)
    machine = region.machines[instance.id]
    machine.halt()

    def gone() -> None:
        if not machine.halted:
            region.later(TICK, gone)
            return
        subnet, address = instance.subnet_id, instance.private_ip
        type(instance).terminate(instance)
        # moto keeps the address for ever: after some 250 launches a subnet would be full of the dead.
        instance.ec2_backend.get_subnet(subnet).del_subnet_ip(address)
        instance.gone_at = time.monotonic()

    region.later(region.delays.terminate, gone)


def _stopped(region: Region, instance: Any) -> None:
    if not region.machines[instance.id].halted:
        region.later(TICK, partial(_stopped, region, instance))
    elif instance.state_code == STOPPING:
        instance.stop()


def _become(instance: Any, code: int) -> None:
    instance._state.code, instance._state.name = code, _NAMES[code]


def _tick(region: Region) -> None:
    for reservations, key, reservation in [
        (all_.reservations, *item)
        for all_ in backends(ec2_backends)
        for item in all_.reservations.items()
    ]:
        for instance in reservation.instances:
            machine = region.machines.get(instance.id)
            if machine and instance.state_code == RUNNING and machine.shutdown_due():
                _obey_shutdown(region, instance)
        if all(
            time.monotonic() - getattr(i, "gone_at", time.monotonic()) > REMEMBER_TERMINATED
            for i in reservation.instances
        ):
            del reservations[key]


def _obey_shutdown(region: Region, instance: Any) -> None:
    if instance.instance_initiated_shutdown_behavior == "terminate":
        _shut_down(region, instance)
        return
    region.machines[instance.id].halt()
    instance.stop()
