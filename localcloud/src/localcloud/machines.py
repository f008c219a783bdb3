"""A machine: a directory for its disk, an address of its own, and the processes that its boot starts."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

USER_DATA_PATIENCE = 60
# Of the one user that every machine has, beside root.
HOME = "home/ec2-user"
UNITS = Path("etc/systemd/system/multi-user.target.wants")
# https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=: quoted as a shell would, or plain.
_ASSIGNED = re.compile(
    r'^([A-Za-z_]\w*)=(?:"((?:[^"\\]|\\.)*)"|([^\n]*))$', re.MULTILINE | re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SUDO = """#!/bin/sh
# Whoever runs on a cloud machine is root here already: options and VAR=value are obeyed, the rest is run.
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
    """What a fault does to a machine at boot: `silent` starts nothing, `errors` answers 500 outside the healthy paths."""

    kind: str
    healthy_paths: tuple[str, ...] = ("/health",)


class Unit:
    """The [Service] part of a systemd unit: a key may come several times."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        self._lines = lines

    @classmethod
    def read(cls, path: Path) -> Unit:
        section, lines = "", []
        for line in path.read_text().splitlines():
            key, equals, value = line.partition("=")
            if line.startswith("["):
                section = line.strip()
            elif equals and section == "[Service]" and not line.startswith(("#", ";")):
                lines.append((key.strip(), value.strip()))
        return cls(lines)

    def all(self, key: str) -> list[str]:
        return [value for name, value in self._lines if name == key]

    def one(self, key: str, default: str) -> str:
        return (self.all(key) or [default])[-1]


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
        """Start as init would: user data on the first boot only (cloud-init's rule), then every enabled unit."""
        self.running = True
        (self.root / "run").mkdir(parents=True, exist_ok=True)
        for name, script in (("shutdown", _SHUTDOWN), ("sudo", _SUDO)):
            shim = self.root / "run/bin" / name
            shim.parent.mkdir(exist_ok=True)
            shim.write_text(script)
            shim.chmod(0o755)
        first_boot = self.root / "run" / f"booted-{self.id}"
        if user_data and user_data.startswith(b"#!") and not first_boot.exists():
            written = self.root / "run/user-data"
            written.write_bytes(user_data)
            self._run_user_data(written)
        first_boot.touch()
        if sickness is None:
            self.services = [self._start(unit) for unit in self._units()]
        elif sickness.kind == "errors":
            sick = [
                sys.executable,
                "-S",
                "-E",
                str(Path(__file__).with_name("sick.py")),
                self.address,
            ]
            ports = [self._port(unit) for unit in self._units()] or ["8080"]
            self.services = [
                self._spawn([*sick, port, json.dumps(sickness.healthy_paths)]) for port in ports
            ]

    def _run_user_data(self, script: Path) -> None:
        running = self._spawn(["sh", str(script)])
        try:
            running.wait(USER_DATA_PATIENCE)
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
        """SIGTERM, then SIGKILL after `grace` seconds, as an operating system does; returns at once: `halted` tells when it is over."""
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
        """Nothing of it runs any more: whoever gets its address next can listen there."""
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
        return keep | {
            "PATH": f"{self.root}/run/bin:{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.root),
            "DESTDIR": str(self.root),
            "HOST": self.address,
            "LOCALCLOUD_INSTANCE": self.id,
            **self.aws,
        }

    def _units(self) -> Iterator[Unit]:
        for path in sorted((self.root / UNITS).glob("*.service")):
            target = path if path.exists() else self.root / str(path.readlink()).lstrip("/")
            yield Unit.read(target)

    def _variables(self, unit: Unit) -> dict[str, str]:
        """The unit's variables, below the machine's own: a unit binds 0.0.0.0, which many machines on one host cannot."""
        pairs = [pair for line in unit.all("Environment") for pair in shlex.split(line)]
        for file in unit.all("EnvironmentFile"):
            if (path := self.root / file.lstrip("-").lstrip("/")).exists():
                pairs += [
                    name + "=" + (_ESCAPED.sub(r"\1", quoted) or plain)
                    for name, quoted, plain in _ASSIGNED.findall(path.read_text())
                ]
        return dict(pair.split("=", 1) for pair in pairs) | self.environment()

    def _port(self, unit: Unit) -> str:
        return self._variables(unit).get("PORT", "8080")

    def _start(self, unit: Unit) -> subprocess.Popen[bytes]:
        """What comes before it first, each to its end; where one fails, the service is not started, as with systemd."""
        directory = self.root / unit.one("WorkingDirectory", "/").lstrip("/")
        for before in unit.all("ExecStartPre"):
            running = self._spawn(self._command(before), directory, self._variables(unit))
            if running.wait(USER_DATA_PATIENCE):
                return running
        return self._spawn(
            self._command(unit.one("ExecStart", "false")), directory, self._variables(unit)
        )

    def _command(self, line: str) -> list[str]:
        """Words that name something on the machine's own disk mean that."""
        words = shlex.split(line.lstrip("+-!@:"))
        return [
            str(self.root / word.lstrip("/"))
            if word.startswith("/") and (self.root / word.lstrip("/")).exists()
            else word
            for word in words
        ]

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
