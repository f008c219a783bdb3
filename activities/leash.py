"""
Runs a program that must not outlive the worker: `python leash.py PROGRAM ARGUMENT…`

The worker holds the standard input of this process. When that closes, because the worker was killed
or closed it, the program and all processes that it started are killed: another worker takes over.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def hold() -> None:
        sys.stdin.buffer.read()
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)

    threading.Thread(target=hold, daemon=True).start()
    # A worker that stops waits for its calls in flight.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    code = program.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    # The thread holds the lock on standard input: an ordinary exit would wait for that lock.
    os._exit(main())
