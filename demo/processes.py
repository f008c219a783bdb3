"""Starts Temporal, the local cloud and workers, each as a process, and waits until they answer."""

from __future__ import annotations

import itertools
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parent.parent
# Seconds until a process must be ready.
READY_WITHIN = 30.0
# Nothing tells when a log file grows: it is read again after so many seconds.
LOOK_EVERY = 0.05
# Without these, a dev server adds 50 ms to each activity and a second to each timer and retry.
FAST = (
    "history.transferProcessorMaxPollRPS=300",
    "history.timerProcessorMaxPollRPS=300",
    'history.timerProcessorMaxTimeShift="10ms"',
)


class Process:
    """A child process whose output goes to a log file."""

    def __init__(
        self, name: str, command: list[str], log: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.name, self.log = name, log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_for(self, pattern: str, timeout: float = READY_WITHIN) -> str:
        """
        The text of the log, once it holds the pattern.

        Raises RuntimeError with the end of the log where it does not in time.
        """
        deadline = time.monotonic() + timeout
        for text in self._grown():
            if re.search(pattern, text):
                return text
            if self.popen.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"{self.name} did not start; the end of {self.log}:\n{text[-2000:]}"
                )
        return ""

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def stop(self, timeout: float = 20) -> None:
        self.popen.terminate()
        try:
            self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def _grown(self) -> Iterator[str]:
        while True:
            yield self.log.read_text(errors="replace")
            time.sleep(LOOK_EVERY)


class Stage:
    """Temporal, the local cloud and any number of workers. All of them end with it."""

    def __init__(
        self,
        home: Path,
        *,
        ui: bool = False,
        cloud: tuple[str, ...] = (),
        durable: bool = False,
        temporal: tuple[str, ...] = (),
    ) -> None:
        """
        `durable`: Temporal keeps its state in a file, and can be killed and started again.
        `temporal` are further values of its dynamic configuration.
        """
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self._ui, self._cloud_options, self._durable = ui, cloud, durable
        self._dynamic_config = (*FAST, *temporal)
        self.temporal_port, self.ui_port = free_port(), free_port()
        self.environment: dict[str, str] = {}
        self.workers: list[Process] = []
        self._numbers = itertools.count(1)
        self._exit = ExitStack()
        self._stop = threading.Event()

    @property
    def temporal_address(self) -> str:
        return f"127.0.0.1:{self.temporal_port}"

    def __enter__(self) -> Self:
        try:
            return self._start()
        except BaseException:
            self._exit.close()
            raise

    def _start(self) -> Self:
        self.temporal = self._start_temporal()
        self._exit.callback(lambda: self.temporal.stop())  # noqa: PLW0108 (it may be another process then)
        home = ["--home", str(self.home / "cloud")]
        command = [sys.executable, "-m", "localcloud", *home, *self._cloud_options]
        self.cloud = self._process("localcloud", command)
        text = self.cloud.wait_for("# disks and images")
        self.environment = dict(
            line.removeprefix("export ").split("=", 1)
            for line in text.splitlines()
            if line.startswith("export ")
        )
        self.environment |= {
            "TEMPORAL_ADDRESS": self.temporal_address,
            "OVENBIRD_STACKS": str(self.home / "stacks.toml"),
        }
        self._until_temporal_answers()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self.workers:
            worker.kill()
        self._exit.close()

    def restart_temporal(self) -> None:
        """Kills it and starts it again with the same state. Connections to it break."""
        self.temporal.kill()
        self.temporal = self._start_temporal()
        self._until_temporal_answers()

    def _start_temporal(self) -> Process:
        options = [f"--dynamic-config-value={value}" for value in self._dynamic_config]
        options += ["--ui-port", str(self.ui_port)] if self._ui else ["--headless"]
        if self._durable:
            options += ["--db-filename", str(self.home / "temporal.db")]
            options += ["--sqlite-pragma=journal_mode=WAL", "--sqlite-pragma=synchronous=NORMAL"]
        command = [str(Path(sys.executable).parent / "temporal"), "server", "start-dev"]
        command += ["--ip", "127.0.0.1", "--port", str(self.temporal_port)]
        return Process("temporal", command + options, self.home / "temporal.log")

    def start_worker(self, **environment: str) -> Process:
        number = next(self._numbers)
        worker = Process(
            f"worker {number}",
            [sys.executable, "-m", "worker"],
            self.home / f"worker-{number}.log",
            self.environment | environment,
        )
        self.workers.append(worker)
        worker.wait_for("worker is up")
        return worker

    def _process(self, name: str, command: list[str]) -> Process:
        process = Process(name, command, self.home / f"{name}.log", self.environment)
        self._exit.callback(process.stop)
        return process

    def _until_temporal_answers(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.temporal_port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.temporal.popen.poll() is not None:
                    raise RuntimeError(f"Temporal did not start; see {self.temporal.log}") from None
                self._stop.wait(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
