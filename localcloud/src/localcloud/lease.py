"""
Which 127.N.0.0/16 is free?

Several local clouds live side by side; the next one ends what a killed one has left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 20, 250


class Lease:
    """
    Holds a network until the process ends.

    It is an abstract socket: the kernel has one of each name, for all users and directories.
    """

    def __init__(self, network: int, held: socket.socket) -> None:
        self.network = network
        self._held = held
        self._processes = _list_of(network)

    def note_process_group(self, pgid: int) -> None:
        with self._processes.open("a") as file:
            file.write(f"{pgid}\n")

    def kill_noted(self) -> None:
        """Whatever was started in this network and is still there."""
        _kill_orphans(self._processes)

    def release(self) -> None:
        self._processes.unlink(missing_ok=True)
        self._held.close()


def take_lease() -> Lease:
    """
    The first network that no living local cloud holds.

    What dead ones have left in any other free network is ended too.

    Raises RuntimeError when all of them are taken.
    """
    lease = None
    for network in range(FIRST, LAST + 1):
        if lease and not _list_of(network).exists():
            continue
        held = _hold(network)
        if held is None:
            continue
        _kill_orphans(_list_of(network))
        if lease:
            held.close()
        else:
            lease = Lease(network, held)
    if lease is None:
        raise RuntimeError(
            f"all networks 127.{FIRST}.0.0/16 to 127.{LAST}.0.0/16 are held by other local clouds"
        )
    return lease


def _hold(network: int) -> socket.socket | None:
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0localcloud-{network}")
    except OSError:
        held.close()
        return None
    return held


def _list_of(network: int) -> Path:
    directory = Path(tempfile.gettempdir()) / f"localcloud-{os.getuid()}"
    directory.mkdir(exist_ok=True)
    return directory / f"{network}.processes"


def _kill_orphans(processes: Path) -> None:
    if not processes.exists():
        return
    for line in set(processes.read_text().split()):
        if _is_ours(int(line)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(line), signal.SIGKILL)
    processes.unlink()


def _is_ours(pgid: int) -> bool:
    """The id may be another process's by now: only what has our mark is killed."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) == pgid:
                return b"LOCALCLOUD_INSTANCE=" in (process / "environ").read_bytes()
        except OSError:
            continue
    return False
