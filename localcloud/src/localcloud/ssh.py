"""SSH of an instance: its address and key pair; a shell, SFTP and SCP on its own disk."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import posixpath
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import asyncssh

from localcloud.machines import HOME, Machine
from localcloud.region import Region, find_instance

PORT = 22
# Where port 22 may not be bound: by an ordinary user of most machines.
OTHER_PORT = 2222
AUTHORIZED = f"{HOME}/.ssh/authorized_keys"


class Ssh:
    """
    One loop for all instances. Only an instance with a key pair answers.

    Any user name is the one user of the machine. A connection that the instance's security groups
    do not admit is dropped, as on AWS.
    """

    def __init__(self, region: Region) -> None:
        self._region = region
        self._loop = asyncio.new_event_loop()
        self._listening: dict[str, asyncssh.SSHAcceptor] = {}
        self.port = (
            PORT if _may_bind(f"127.{region.settings.network}.255.254", PORT) else OTHER_PORT
        )
        threading.Thread(target=self._loop.run_forever, name="ssh", daemon=True).start()

    def open(self, machine: Machine, key_name: str | None) -> None:
        """
        Listen. The user has the public key, as with cloud-init, and the disk a host key.

        An instance without a key pair does not listen: nobody could log in.
        """
        if not key_name:
            return
        with self._region.lock:
            pair = find_instance(machine.id).ec2_backend.key_pairs.get(key_name)
        if pair is None:
            return
        authorized = machine.root / AUTHORIZED
        authorized.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = authorized.read_text() if authorized.exists() else ""
        if pair.public_key not in known:
            authorized.write_text(f"{known}{pair.public_key.strip()} {key_name}\n")
            authorized.chmod(0o600)
        host_key = machine.root / "etc/ssh/ssh_host_ed25519_key"
        if not host_key.exists():
            host_key.parent.mkdir(parents=True, exist_ok=True)
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(host_key)
            host_key.chmod(0o600)
        asyncio.run_coroutine_threadsafe(self._listen(machine, host_key), self._loop).result(10)
        machine.on_halt = lambda: self._close(machine.id)

    async def _listen(self, machine: Machine, host_key: Path) -> None:
        self._listening[machine.id] = await asyncssh.listen(
            machine.address,
            self.port,
            server_host_keys=[str(host_key)],
            server_factory=lambda: _Door(self._region, machine),
            process_factory=lambda process: _run(self._region, machine, process),
            encoding=None,
            sftp_factory=lambda channel: _Disk(channel, machine.root),
            allow_scp=True,
            reuse_address=True,
        )

    def _close(self, machine_id: str) -> None:
        """Called under the region's lock, for which a login may wait: it does not wait itself."""
        acceptor = self._listening.pop(machine_id, None)
        if acceptor:
            self._loop.call_soon_threadsafe(acceptor.close)


class _Door(asyncssh.SSHServer):
    def __init__(self, region: Region, machine: Machine) -> None:
        self._region, self._machine = region, machine

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        if not self._admitted(conn.get_extra_info("peername")[0]):
            conn.abort()

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 (asyncssh's own signature)
        authorized = self._machine.root / AUTHORIZED
        if authorized.exists():
            self._connection.set_authorized_keys(str(authorized))
        return True

    def _admitted(self, address: str) -> bool:
        with self._region.lock:
            instance = find_instance(self._machine.id)
            rules = (
                [rule for group in instance.security_groups for rule in group.ingress_rules]
                if instance
                else []
            )
        ranges = [
            cidr
            for rule in rules
            if _is_for_ssh(rule)
            for cidr in rule.ip_range.values()
            if "/" in str(cidr)
        ]
        client = ipaddress.ip_address(address)
        return any(client in ipaddress.ip_network(cidr) for cidr in ranges)


def _is_for_ssh(rule: Any) -> bool:
    return rule.from_port is None or rule.from_port <= PORT <= rule.to_port


class _Disk(asyncssh.SFTPServer):
    """Absolute paths begin at the machine's root, relative ones at the user's home."""

    def __init__(self, channel: Any, root: Path) -> None:
        super().__init__(channel, chroot=str(root).encode())

    def map_path(self, path: bytes) -> bytes:
        return super().map_path(posixpath.join(f"/{HOME}".encode(), path))


async def _run(region: Region, machine: Machine, process: Any) -> None:
    """One command, or a shell, in the user's home; it ends with the machine at the latest."""
    home = machine.root / HOME
    home.mkdir(parents=True, exist_ok=True)
    command = ["sh", "-c", os.fsdecode(process.command)] if process.command else ["sh", "-s"]
    child = await asyncio.create_subprocess_exec(
        *command,
        cwd=home,
        env=machine.environment()
        | {"HOME": str(home), "USER": process.get_extra_info("username") or "user"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    region.lease.note_process_group(child.pid)
    machine.sessions.add(child.pid)
    if not machine.running:
        # It was halted between the login and this: nobody else would end it.
        os.killpg(child.pid, signal.SIGKILL)
    try:
        # One stream ends before the other: the channel is closed with the exit code.
        await process.redirect(
            stdin=child.stdin, stdout=child.stdout, stderr=child.stderr, send_eof=False
        )
        code = await child.wait()
        # Its last output is still under way when it has ended, and would be lost with the channel.
        await process.stdout.drain()
        await process.stderr.drain()
        process.exit(code)
    finally:
        machine.sessions.discard(child.pid)
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def _may_bind(address: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
