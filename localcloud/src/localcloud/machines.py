"""A machine: a directory as its disk, an address, and the processes that its boot starts."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.units import Unit, enabled_units

# Seconds that user data, and what a service needs before it, may take.
PREPARATION_LIMIT = 60
# Of the one user that every machine has, beside root.
HOME = "home/ec2-user"
_SUDO = """#!/bin/sh
# Everybody is root here already: options and VAR=value are obeyed, the rest is run.
while :; do case "$1" in
-u|-g|-h|-p) shift 2;; --) shift; break;; -*) shift;; *) break;;
esac; done
exec env "$@"
"""
_SHUTDOWN = """#!/bin/sh
# What cloud machines understand of shutdown(8): -h +MINUTES, -h now, -c
case "$*" in *-c*) rm -f "$DESTDIR/run/shutdown-at"; exit 0;; esac
for word in "$@"; do case "$word" in now) minutes=0;; +*) minutes=${word#+};; esac; done
echo $(( $(date +%s) + ${minutes:-1} * 60 )) > "$DESTDIR/run/shutdown-at"
"""


@dataclass(frozen=True)
class Sickness:
    """
    What a fault does to a machine at boot.

    `silent` starts nothing, `errors` answers 500 outside of the healthy paths.
    """

    kind: str
    healthy_paths: tuple[str, ...] = ("/health",)


@dataclass
class Machine:
    id: str
    address: str
    root: Path
    on_process_group: Callable[[int], None] = lambda _pgid: None
    # How it finds AWS: what the SDKs read, since no metadata service is at its usual address here.
    aws: dict[str, str] = field(default_factory=dict)
    running: bool = False
    # From when a boot was ordered until it has started what it starts.
    booting: bool = False
    services: list[subprocess.Popen[bytes]] = field(default_factory=list)
    # Process groups of those who are logged in.
    sessions: set[int] = field(default_factory=set)
    on_halt: Callable[[], None] = lambda: None
    _dying: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def boot(self, *, user_data: bytes | None, sickness: Sickness | None = None) -> None:
        """User data on the first boot alone, as cloud-init does; then every enabled unit."""
        self.running = True
        self._write_shims()
        first_boot = self.root / "run" / f"booted-{self.id}"
        if user_data and user_data.startswith(b"#!") and not first_boot.exists():
            written = self.root / "run/user-data"
            written.write_bytes(user_data)
            self._run_user_data(written)
        first_boot.touch()
        if sickness is None:
            self.services = [self._start(unit) for unit in enabled_units(self.root)]
        elif sickness.kind == "errors":
            self.services = self._start_sick(sickness)

    def _write_shims(self) -> None:
        directory = self.root / "run/bin"
        directory.mkdir(parents=True, exist_ok=True)
        for name, script in (("shutdown", _SHUTDOWN), ("sudo", _SUDO)):
            shim = directory / name
            shim.write_text(script)
            shim.chmod(0o755)

    def _start_sick(self, sickness: Sickness) -> list[subprocess.Popen[bytes]]:
        program = str(Path(__file__).with_name("sick.py"))
        command = [sys.executable, "-S", "-E", program, self.address]
        units = enabled_units(self.root)
        ports = [self._variables(unit).get("PORT", "8080") for unit in units] or ["8080"]
        paths = json.dumps(sickness.healthy_paths)
        return [self._spawn([*command, port, paths]) for port in ports]

    def _run_user_data(self, script: Path) -> None:
        running = self._spawn(["sh", str(script)])
        try:
            running.wait(PREPARATION_LIMIT)
        except subprocess.TimeoutExpired:
            _signal(running, signal.SIGKILL)

    def run(self, script: Path, stdout: Path, stderr: Path) -> subprocess.Popen[bytes]:
        """A shell script with the machine's disk as its working directory and DESTDIR."""
        with stdout.open("wb") as out, stderr.open("wb") as err:
            return subprocess.Popen(
                ["sh", str(script)],
                cwd=self.root,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def shutdown_due(self) -> bool:
        try:
            return time.time() >= float((self.root / "run/shutdown-at").read_text())
        except (OSError, ValueError):
            return False

    def halt(self, *, grace: float = 5) -> None:
        """
        SIGTERM, and SIGKILL after `grace` seconds, as an operating system does.

        Returns at once: `halted` says when it is over.
        """
        self.running = False
        (self.root / "run/shutdown-at").unlink(missing_ok=True)
        services, self.services = self.services, []
        self._dying += services
        self.on_halt()
        for session in list(self.sessions):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(session, signal.SIGKILL)
        for service in services:
            _signal(service, signal.SIGTERM)
        threading.Thread(target=_reap, args=(services, grace), daemon=True).start()

    @property
    def halted(self) -> bool:
        """Nothing of it runs any more, and the next machine with its address can listen there."""
        return (
            not self.booting
            and not self.services
            and all(service.poll() is not None for service in self._dying)
        )

    def kill(self) -> None:
        """As a crash: every service is gone at once, and nothing restarts it."""
        for service in self.services:
            _signal(service, signal.SIGKILL)
            service.wait()

    def environment(self) -> dict[str, str]:
        keep = {key: os.environ[key] for key in ("LANG", "LC_ALL", "TZ") if key in os.environ}
        path = (self.root / "run/bin", Path(sys.executable).parent)
        inherited = os.environ.get("PATH", os.defpath)
        return keep | {
            "PATH": ":".join([*map(str, path), inherited]),
            "HOME": str(self.root),
            "DESTDIR": str(self.root),
            "HOST": self.address,
            "LOCALCLOUD_INSTANCE": self.id,
            **self.aws,
        }

    def _variables(self, unit: Unit) -> dict[str, str]:
        """The machine's own win: a unit binds 0.0.0.0, which many machines on one host cannot."""
        return unit.variables | self.environment()

    def _start(self, unit: Unit) -> subprocess.Popen[bytes]:
        """As systemd does: what comes before ends first; where it fails, nothing is started."""
        for command in unit.commands_before:
            running = self._spawn(command, unit.directory, self._variables(unit))
            if running.wait(PREPARATION_LIMIT):
                return running
        # Read again: a command before may have written an environment file.
        return self._spawn(unit.command, unit.directory, self._variables(unit))

    def _log(self) -> Path:
        log = self.root / "var/log/service.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        return log

    def _spawn(
        self,
        command: list[str],
        directory: Path | None = None,
        variables: dict[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        with self._log().open("ab") as output:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=directory or self.root,
                    env=variables or self.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            except OSError as error:
                output.write(f"cannot start {command}: {error}\n".encode())
                return subprocess.Popen(["false"])
        self.on_process_group(process.pid)
        return process


def copy_disk(source: Path | None, target: Path) -> None:
    """A real copy, without what a machine keeps in memory."""
    if source is None or not source.exists():
        target.mkdir(parents=True)
        return
    shutil.copytree(
        source,
        target,
        symlinks=True,
        ignore=lambda folder, _: ["run"] if Path(folder) == source else [],
    )


def end_group(process: subprocess.Popen[bytes]) -> None:
    """The process and all that it started."""
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _reap(services: list[subprocess.Popen[bytes]], grace: float) -> None:
    deadline = time.monotonic() + grace
    for service in services:
        try:
            service.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _signal(service, signal.SIGKILL)
            service.wait()
