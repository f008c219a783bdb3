"""Which 127.N.0.0/16 is free? Several local clouds live side by side, and one that was killed is cleared away by the next."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import tempfile
from pathlib import Path
from typing import IO

FIRST, LAST = 20, 250


class Lease:
    """Holds a network until the process ends: the lock is the kernel's, so a crash frees it."""

    def __init__(self, network: int, lock: IO[str], processes: Path) -> None:
        self.network = network
        self._lock = lock
        self._processes = processes

    def note_process_group(self, pgid: int) -> None:
        with self._processes.open("a") as file:
            file.write(f"{pgid}\n")

    def release(self) -> None:
        self._processes.unlink(missing_ok=True)
        self._lock.close()


def take_lease() -> Lease:
    """
    The first network that no living local cloud holds.

    Raises RuntimeError when all of them are taken.
    """
    directory = Path(tempfile.gettempdir()) / f"localcloud-leases-{os.getuid()}"
    directory.mkdir(exist_ok=True)
    for network in range(FIRST, LAST + 1):
        lock = (directory / f"{network}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        processes = directory / f"{network}.processes"
        _kill_orphans(processes)
        return Lease(network, lock, processes)
    raise RuntimeError(f"all networks 127.{FIRST}.0.0/16 to 127.{LAST}.0.0/16 are held by other local clouds")


def _kill_orphans(processes: Path) -> None:
    if not processes.exists():
        return
    for line in processes.read_text().split():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if _is_ours(int(line)):
                os.killpg(int(line), signal.SIGKILL)
    processes.unlink()


def _is_ours(pgid: int) -> bool:
    """A process id may have been given to somebody else since: only what carries our mark is killed."""
    try:
        return b"LOCALCLOUD_INSTANCE=" in Path(f"/proc/{pgid}/environ").read_bytes()
    except OSError:
        return False
