"""`python -m localcloud`: run the region, and print the environment to export."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from localcloud.server import LocalCloud, serve_until_signal
from localcloud.settings import Delays, Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the API; any free one by default")
    parser.add_argument("--region", default="eu-west-1")
    parser.add_argument(
        "--home", type=Path, help="where disks and images lie; a temporary directory by default"
    )
    parser.add_argument(
        "--no-delays", action="store_true", help="nothing takes longer than it must"
    )
    for name in ("boot", "stop", "terminate", "image", "scale"):
        parser.add_argument(
            f"--{name}", type=float, metavar="SECONDS", help=f"default {getattr(Delays(), name)}"
        )
    chosen = parser.parse_args()
    base = Delays.none() if chosen.no_delays else Delays()
    delays = Delays(
        **{
            name: getattr(base, name) if getattr(chosen, name) is None else getattr(chosen, name)
            for name in vars(base)
        }
    )
    home = chosen.home or Path(tempfile.mkdtemp(prefix="localcloud-"))
    try:
        cloud = LocalCloud(
            lambda network: Settings(network, home, chosen.region, chosen.port, delays)
        )
    except (RuntimeError, OSError) as error:
        sys.exit(f"localcloud: {error}")
    cloud.start()
    for key, value in cloud.environment().items():
        print(f"export {key}={value}", flush=True)
    print(f"# disks and images: {home}", flush=True)
    serve_until_signal(cloud)
    sys.stdout.flush()
    os._exit(0)  # daemon threads of the API may hold a request; nothing is left to save


if __name__ == "__main__":
    main()
