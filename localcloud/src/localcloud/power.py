"""An instance's way from pending to terminated, and the machine that goes it too."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from localcloud.faults import Fault
from localcloud.machines import Machine, Sickness, copy_disk
from localcloud.region import REMEMBER_TERMINATED, TICK, Region
from localcloud.ssh import Ssh
from localcloud.upstream import backends

PENDING, RUNNING, SHUTTING_DOWN, TERMINATED, STOPPING, STOPPED = 0, 16, 32, 48, 64, 80
_NAMES = {
    PENDING: "pending",
    RUNNING: "running",
    SHUTTING_DOWN: "shutting-down",
    TERMINATED: "terminated",
    STOPPING: "stopping",
    STOPPED: "stopped",
}


class Power:
    def __init__(self, region: Region, ssh: Ssh) -> None:
        self._region = region
        self._ssh = ssh

    def first_boot(self, instance: Any) -> None:
        """Give a new instance its machine, and boot that."""
        region = self._region
        _become(instance, PENDING)
        region.machines[instance.id] = Machine(
            instance.id,
            instance.private_ip,
            region.directory("instances", instance.id),
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
        self._boot(instance, fault)

    def boot_again(self, instance: Any) -> None:
        _become(instance, PENDING)
        self._boot(instance, None)

    def stop(self, instance: Any) -> None:
        _become(instance, STOPPING)
        self._region.machines[instance.id].halt()
        self._region.later(self._region.delays.stop, partial(self._stopped, instance))

    def shut_down(self, instance: Any) -> None:
        _become(instance, SHUTTING_DOWN)
        self._region.machines[instance.id].halt()
        self._region.later(self._region.delays.terminate, partial(self._terminated, instance))

    def tick(self) -> None:
        for ec2 in backends("ec2"):
            for key, reservation in list(ec2.reservations.items()):
                for instance in reservation.instances:
                    self._obey_shutdown(instance)
                if all(_is_forgotten(instance) for instance in reservation.instances):
                    del ec2.reservations[key]

    def _boot(self, instance: Any, fault: Fault | None) -> None:
        """To copy a disk and to run user data takes real time: neither holds the region's lock."""
        region, machine = self._region, self._region.machines[instance.id]
        image = region.settings.home / "images" / str(instance.image_id)
        user_data = instance.user_data.decode().encode() if instance.user_data else None
        sickness = (
            Sickness(fault.kind.removeprefix("boot_"), fault.healthy_paths) if fault else None
        )
        started = time.monotonic()
        machine.booting = True

        def boot() -> None:
            try:
                if not machine.root.exists():
                    copy_disk(image, machine.root)
                if instance.state_code == PENDING:
                    machine.boot(user_data=user_data, sickness=sickness)
                    self._ssh.open(machine, instance.key_name)
            finally:
                # A machine whose boot fails is running all the same: EC2 cannot see inside it.
                left = max(0, started + region.delays.boot - time.monotonic())
                region.later(left, partial(_booted, instance, machine))

        region.in_background(boot)

    def _terminated(self, instance: Any) -> None:
        if not self._region.machines[instance.id].halted:
            self._region.later(TICK, partial(self._terminated, instance))
            return
        subnet, address = instance.subnet_id, instance.private_ip
        type(instance).terminate(instance)
        # moto never frees the address: a subnet would be full after some 250 launches.
        instance.ec2_backend.get_subnet(subnet).del_subnet_ip(address)
        instance.terminated_at = time.monotonic()

    def _stopped(self, instance: Any) -> None:
        if not self._region.machines[instance.id].halted:
            self._region.later(TICK, partial(self._stopped, instance))
        elif instance.state_code == STOPPING:
            instance.stop()

    def _obey_shutdown(self, instance: Any) -> None:
        """End or stop an instance that has called shutdown(8), as it was launched to."""
        machine = self._region.machines.get(instance.id)
        if not machine or instance.state_code != RUNNING or not machine.shutdown_due():
            return
        if instance.instance_initiated_shutdown_behavior == "terminate":
            self.shut_down(instance)
            return
        machine.halt()
        instance.stop()


def _booted(instance: Any, machine: Machine) -> None:
    machine.booting = False
    if instance.state_code == PENDING:
        _become(instance, RUNNING)
    else:
        machine.halt()


def _become(instance: Any, code: int) -> None:
    instance._state.code, instance._state.name = code, _NAMES[code]


def _is_forgotten(instance: Any) -> bool:
    terminated_at = getattr(instance, "terminated_at", None)
    return terminated_at is not None and time.monotonic() - terminated_at > REMEMBER_TERMINATED
