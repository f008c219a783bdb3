"""
Stands in for `packer` on a lane's PATH, so that the worker can be killed at each line of Packer.

It runs the real Packer and passes its lines on. The directory in TORTURE_LINES holds `kill-at`, the
number of the last line that is passed on. After that line it writes `struck`, and waits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path


def main() -> int:
    directory = Path(os.environ["TORTURE_LINES"])
    real = [os.environ["TORTURE_PACKER"], *sys.argv[1:]]
    if sys.argv[1:2] != ["build"]:
        os.execv(real[0], real)
    at = directory / "kill-at"
    kill_at = int(at.read_text()) if at.exists() else 0
    running = subprocess.Popen(real, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert running.stdout
    count = 0
    for line in running.stdout:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        count += 1
        if count == kill_at:
            at.unlink()
            (directory / "struck").touch()
            # The worker is killed now, and this process with it.
            threading.Event().wait()
    (directory / "lines").write_text(str(count))
    return running.wait()


if __name__ == "__main__":
    sys.exit(main())
