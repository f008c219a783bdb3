"""The command line: one function a command, no logic of its own. `python starter.py …` is `ovenbird …`."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from temporalio.service import RPCError

from console import commands, render, tables
from console.codes import FAILED, INTERRUPTED, REFUSED_CODE, Stop

HERE = Path(__file__).parent
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Releases git tags to stacks of EC2 web servers; never repairs a nest.",
)

Stack = Annotated[str, typer.Argument(help="a stack of the stacks file")]
Tag = Annotated[str, typer.Argument(help="a git tag of the application's repository")]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
By = Annotated[str, typer.Option(help="who says so", envvar="OVENBIRD_BY")]
Reason = Annotated[str, typer.Option(help="why; it is recorded")]


def _me() -> str:
    """A container's user may have no name."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"uid {os.getuid()}@{socket.gethostname()}"


ME = _me()


@app.command()
def release(
    stack: Stack,
    tag: Tag,
    force: Annotated[bool, typer.Option("--force", help="although the tag serves already")] = False,
    urgent: Annotated[
        bool, typer.Option("--urgent", help="wait for no window and no freeze")
    ] = False,
    contraction: Annotated[
        bool,
        typer.Option("--contraction", help="it takes from the database what older versions need"),
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="return once accepted")] = False,
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="await the approval, or exit with 20 when it is due"),
    ] = True,
    by: By = ME,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Release TAG to STACK, and follow it to its end."""
    request = {
        "stack": stack,
        "tag": tag,
        "requested_by": by,
        "reason": reason,
        "force": force,
        "urgent": urgent,
        "contraction": contraction,
    }
    _finish(_run(commands.release(request, detach=detach, wait=wait, as_json=json), json), json)


@app.command()
def rollback(
    stack: Stack,
    to: Annotated[
        str | None,
        typer.Option("--to", help="a kept deployment or its tag; the previous one where left out"),
    ] = None,
    show: Annotated[
        bool, typer.Option("--board", help="only show what there is to go back to")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="also behind a contraction of the database")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="return once accepted")] = False,
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="await the approval, or exit with 20 when it is due"),
    ] = True,
    by: By = ME,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Go back to what served before. Without --to on a terminal: choose from what is kept."""
    asking = to is None and not json and sys.stdin.isatty() and sys.stdout.isatty()
    if show or asking:
        board = _run(commands.board(stack), json)
        render.as_json(board) if json else tables.show_board(board)
        if show:
            return
        to = (
            typer.prompt(
                "Roll back to (tag or deployment; nothing: the previous one)",
                default="",
                show_default=False,
            )
            or None
        )
    request = {"stack": stack, "to": to, "requested_by": by, "reason": reason, "force": force}
    _finish(_run(commands.rollback(request, detach=detach, wait=wait, as_json=json), json), json)


@app.command()
def bake(
    stack: Stack,
    tag: Annotated[
        str | None,
        typer.Argument(help="a git tag; with --if-stale it may be left out: what serves"),
    ] = None,
    if_stale: Annotated[
        bool,
        typer.Option("--if-stale", help="what serves, where its base image or recipe has changed"),
    ] = False,
    rebake: Annotated[
        bool, typer.Option("--rebake", help="although there is an image of exactly this")
    ] = False,
    every: Annotated[
        float | None, typer.Option("--every", min=1, help="with --if-stale, minutes: schedule it")
    ] = None,
    never: Annotated[
        bool, typer.Option("--never", help="with --if-stale: delete the schedule")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="return once accepted")] = False,
    by: By = ME,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Bake the image of TAG, and release nothing. One that is there is used: same code, base image and recipe."""
    if tag is None and not if_stale:
        raise typer.BadParameter("say which tag, or --if-stale for what serves")
    if (every is not None or never) and (tag is not None or not if_stale):
        raise typer.BadParameter("--every and --never go with --if-stale, and without a tag")
    if every is not None or never:
        _finish(_run(commands.schedule_bake(stack, None if never else every), json), json)
        return
    request = {"stack": stack, "tag": tag, "rebake": rebake, "requested_by": by, "reason": reason}
    _finish(_run(commands.bake(request, detach=detach, as_json=json), json), json)


@app.command()
def adopt(
    stack: Stack,
    group: Annotated[
        str, typer.Argument(help="an Auto Scaling group that serves the stack, made by hand")
    ],
    tag: Annotated[str, typer.Argument(help="the git tag that it runs")],
    by: By = ME,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Make GROUP the stack's first deployment: it is tagged, and none of its instances is touched."""
    made = _run(
        commands.adopt(
            {"stack": stack, "group": group, "tag": tag, "requested_by": by, "reason": reason}
        ),
        json,
    )
    render.as_json(made) if json else print(
        f"{stack} is served by {group}, which runs {tag} ({made['commit'][:12]})"
    )


@app.command()
def sweep(
    stack: Annotated[str | None, typer.Argument(help="all stacks, where left out")] = None,
    apply: Annotated[
        bool, typer.Option("--apply/--dry-run", help="clear what is found, or only show it")
    ] = False,
    every: Annotated[
        float | None, typer.Option("--every", min=1, help="minutes: schedule it for all stacks")
    ] = None,
    never: Annotated[bool, typer.Option("--never", help="delete the schedule")] = False,
    json: Json = False,
) -> None:
    """Find what releases have left that no longer run (terminated ones), and clear it with --apply."""
    if every is not None or never:
        _finish(_run(commands.schedule_sweep(None if never else every, apply=apply), json), json)
        return
    found = _run(commands.sweep(stack, apply=apply), json)
    render.as_json(found) if json else tables.show_sweep(found)
    if any(one["stopped"] or one["left"] for one in found):
        _exit(FAILED)


@app.command()
def leftovers(
    stack: Stack,
    run: Annotated[
        str | None, typer.Option("--run", help="a run id; the last one where left out")
    ] = None,
    json: Json = False,
) -> None:
    """The ledger of a release: every resource that was intended, made, deleted."""
    ledger = _run(commands.leftovers(stack, run), json)
    render.as_json(ledger) if json else tables.show_ledger(ledger)


@app.command()
def approve(
    stack: Stack,
    at: Annotated[
        str,
        typer.Option(
            "--at", help="cut over no earlier: 06:00 (the next, UTC), or 2026-11-25T06:00+01:00"
        ),
    ] = "",
    by: By = ME,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Let the traffic move to the new version, now or at a later moment."""
    _finish(_run(commands.say(stack, "approve_cutover", by, reason, at), json), json)


@app.command()
def abort(stack: Stack, by: By = ME, reason: Reason = "", json: Json = False) -> None:
    """Stop, and restore what served before."""
    _finish(_run(commands.say(stack, "abort_and_roll_back", by, reason), json), json)


@app.command()
def pause(stack: Stack, by: By = ME, reason: Reason = "", json: Json = False) -> None:
    """Stop before the next action."""
    _finish(_run(commands.say(stack, "pause", by, reason), json), json)


@app.command()
def extend(stack: Stack, by: By = ME, reason: Reason = "", json: Json = False) -> None:
    """Keep the old version as large as it is for as long again (timeouts.hot), ready to take over at once."""
    _finish(_run(commands.say(stack, "extend", by, reason), json), json)


@app.command("park-now")
def park_now(stack: Stack, by: By = ME, reason: Reason = "", json: Json = False) -> None:
    """End the time for which the old version is kept as large as it is."""
    _finish(_run(commands.say(stack, "park_now", by, reason), json), json)


@app.command()
def resume(stack: Stack, by: By = ME, reason: Reason = "", json: Json = False) -> None:
    """Go on after a pause."""
    _finish(_run(commands.say(stack, "resume", by, reason), json), json)


@app.command()
def status(
    stack: Annotated[str | None, typer.Argument(help="all that runs, where left out")] = None,
    json: Json = False,
) -> None:
    """How a release stands, or which ones run."""
    facts = _run(commands.status(stack, as_json=json), json)
    if json:
        render.as_json(facts)


@app.command()
def watch(stack: Stack, json: Json = False) -> None:
    """Follow the release that is under way (or the last one) to its end."""
    _finish(_run(commands.watch(stack, as_json=json), json), json)


@app.command()
def plan(
    stack: Stack,
    tag: Tag,
    force: Annotated[bool, typer.Option("--force", help="although the tag serves already")] = False,
    json: Json = False,
) -> None:
    """What a release would do. Changes nothing."""
    made = _run(commands.plan({"stack": stack, "tag": tag, "force": force}), json)
    render.as_json(made) if json else tables.show_plan(made)
    if made["problems"]:
        _exit(REFUSED_CODE)


@app.command()
def doctor(stack: Stack, json: Json = False) -> None:
    """Is everything reachable and there that a release of STACK will need? Changes nothing."""
    found = _run(commands.doctor(stack), json)
    render.as_json(found) if json else tables.show_checks(found)
    if any(one["problem"] for one in found):
        _exit(FAILED)


@app.command()
def diff(
    stack: Stack,
    was: Annotated[str, typer.Argument(help="a tag that has an image")],
    now: Annotated[str, typer.Argument(help="another one")],
    json: Json = False,
) -> None:
    """What differs between the images of two tags: commits, packages, files, base image, recipe."""
    found = _run(commands.diff(stack, was, now), json)
    render.as_json(found) if json else tables.show_diff(found)


@app.command()
def history(stack: Stack, json: Json = False) -> None:
    """The deployments of a stack that are kept, newest first."""
    found = _run(commands.history(stack), json)
    render.as_json(found) if json else tables.show_history(found)


@app.command()
def stacks(json: Json = False) -> None:
    """Validate the stacks file, and list what it holds."""
    path = Path(os.environ.get("OVENBIRD_STACKS", HERE / "deploy/stacks.toml"))
    try:
        found = commands.stacks(path)
    except Stop as stop:
        _stop(stop, json)
    render.as_json(found) if json else tables.show_stacks(found)


def _run(command: Coroutine[Any, Any, Any], json: bool) -> Any:
    """The command's result; its own way to end is an exit code and words on standard error."""
    try:
        return asyncio.run(command)
    except Stop as stop:
        _stop(stop, json)
    except RPCError as error:
        _stop(Stop(FAILED, f"Temporal refused: {error.message}"), json)
    except KeyboardInterrupt:
        print(
            "\ninterrupted; what is under way on the workers goes on: ovenbird status shows it",
            file=sys.stderr,
        )
        _exit(INTERRUPTED)


def _finish(result: Any, json: bool) -> None:
    render.as_json(result) if json else render.show_result(result)


def _stop(stop: Stop, json: bool) -> NoReturn:
    if json:
        render.as_json({"error": stop.words, "exit_code": stop.code} | stop.facts)
    else:
        print(stop.words, file=sys.stderr)
    _exit(stop.code)


def _exit(code: int) -> NoReturn:
    """Temporal's runtime may crash a short-lived process when the interpreter ends, after its work is done: end it first."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> NoReturn:
    try:
        app(standalone_mode=False)
    except typer.Exit as done:
        _exit(done.exit_code)
    except typer.Abort:
        _exit(INTERRUPTED)
    except Exception as error:
        if hasattr(error, "exit_code") and hasattr(error, "show"):
            error.show()
            _exit(error.exit_code)
        raise
    _exit(0)


if __name__ == "__main__":
    main()
