"""Arguments and options that commands share, and what their help says."""

from __future__ import annotations

import getpass
import os
import socket
from typing import Annotated

import typer

from ovenbird.installation import version


def _me() -> str:
    """The user of a container may have no name."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"uid {os.getuid()}@{socket.gethostname()}"


ME = _me()

Stack = Annotated[str, typer.Argument(help="a stack of the stacks file")]
Tag = Annotated[str, typer.Argument(help="a git tag of the application's repository")]
ImageTag = Annotated[str, typer.Argument(help="a tag that has an image")]
Group = Annotated[
    str, typer.Argument(help="an Auto Scaling group that serves the stack, made by hand")
]
OptionalTag = Annotated[
    str | None,
    typer.Argument(help="a git tag; with --if-stale, leave it out: the tag that serves is meant"),
]
OptionalStack = Annotated[str | None, typer.Argument(help="all stacks if you leave it out")]

Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
By = Annotated[str, typer.Option("--by", help="who asks for it", envvar="OVENBIRD_BY")]
Reason = Annotated[str, typer.Option("--reason", help="why; it is recorded")]
Detach = Annotated[bool, typer.Option("--detach", help="return once it is accepted")]
Wait = Annotated[
    bool,
    typer.Option("--wait/--no-wait", help="wait for the approval, or exit with 20 when it is due"),
]
Force = Annotated[bool, typer.Option("--force", help="release although the tag serves already")]
Urgent = Annotated[
    bool, typer.Option("--urgent", help="do not wait for a cutover window or the end of a freeze")
]
Contraction = Annotated[
    bool,
    typer.Option(
        "--contraction",
        help="the release removes from the database what older versions need",
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", help="a kept deployment or its tag; default: the previous one"),
]
Board = Annotated[bool, typer.Option("--board", help="only show what a rollback can go back to")]
ForceBack = Annotated[
    bool, typer.Option("--force", help="roll back although a contraction of the database followed")
]
Despite = Annotated[
    list[str] | None,
    typer.Option(
        "--despite",
        metavar="ALARM",
        help="go on in spite of this alarm of the stack; repeatable, and recorded",
    ),
]
At = Annotated[
    str,
    typer.Option(
        "--at", help="cut over no earlier than 06:00 (the next, UTC) or 2026-11-25T06:00+01:00"
    ),
]
IfStale = Annotated[
    bool,
    typer.Option(
        "--if-stale", help="bake what serves if its base image or its recipe has changed since"
    ),
]
Rebake = Annotated[
    bool, typer.Option("--rebake", help="bake although an image of the same parts exists")
]
Every = Annotated[
    float | None, typer.Option("--every", min=1, help="schedule it, every so many minutes")
]
Never = Annotated[bool, typer.Option("--never", help="delete the schedule")]
Apply = Annotated[
    bool, typer.Option("--apply/--dry-run", help="clear what is found, or only show it")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="only show what goes and what stays, each with the reason")
]
Run = Annotated[str | None, typer.Option("--run", help="a run id; default: the last run")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ovenbird {version()}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", help="show the version and exit", callback=_print_version, is_eager=True
    ),
]
