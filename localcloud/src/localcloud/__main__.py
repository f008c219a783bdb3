"""`python -m localcloud`: run the region, and print the environment to export."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from localcloud.settings import Delays, Settings


def main() -> None:
    arguments = _parser().parse_args()
    try:
        if arguments.patches:
            _list_patches()
        else:
            _serve(arguments)
    except (RuntimeError, OSError) as error:
        sys.exit(f"localcloud: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the API; any free one by default")
    parser.add_argument("--region", default="eu-west-1")
    parser.add_argument(
        "--home", type=Path, help="where disks and images lie; a temporary directory by default"
    )
    parser.add_argument(
        "--no-delays", action="store_true", help="nothing takes longer than it must"
    )
    for name, default in vars(Delays()).items():
        parser.add_argument(f"--{name}", type=float, metavar="SECONDS", help=f"default {default}")
    parser.add_argument(
        "--patches", action="store_true", help="list what is changed in moto, and end"
    )
    return parser


def _serve(arguments: argparse.Namespace) -> None:
    # What they import may raise: the installed moto may not be one that the local cloud knows.
    from localcloud.server import LocalCloud, serve_until_signal

    base = Delays.none() if arguments.no_delays else Delays()
    given = {name: getattr(arguments, name) for name in vars(base)}
    chosen = {name: value for name, value in given.items() if value is not None}
    delays = Delays(**(vars(base) | chosen))
    home = arguments.home or Path(tempfile.mkdtemp(prefix="localcloud-"))
    cloud = LocalCloud(
        lambda network: Settings(network, home, arguments.region, arguments.port, delays)
    )
    cloud.start()
    for key, value in cloud.environment().items():
        print(f"export {key}={value}", flush=True)
    print(f"# disks and images: {home}", flush=True)
    serve_until_signal(cloud)
    sys.stdout.flush()
    os._exit(0)  # daemon threads of the API may hold a request; nothing is left to save


def _list_patches() -> None:
    from localcloud.parts import all_patches

    for patch in sorted(all_patches(), key=lambda patch: (patch.kind, patch.target)):
        print(f"{patch.kind}  {patch.target}\n    {patch.sentence}\n    {patch.page}\n")


if __name__ == "__main__":
    main()
