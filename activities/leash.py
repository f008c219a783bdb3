"""
Runs a program that must not outlive the worker: `python leash.py PROGRAM ARGUMENT…`, held by its standard input.

When that closes, because the worker was killed or lets go, the program and all that it started are killed at once: whoever goes
on with its work elsewhere must be the only one.
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
    # A worker that stops lets its calls in flight end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    code = program.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    # The thread still reads: an ordinary exit would wait for its lock on standard input.
    os._exit(main())
