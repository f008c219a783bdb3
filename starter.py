"""The command line: one function a command. `python starter.py …` is `ovenbird …`."""

from __future__ import annotations

from typing import NoReturn

import typer

from console import bakes, messages, prunes, questions, releases, results, runs, sweeps, tables
from console import options as o
from console.codes import FAILED, REFUSED_CODE
from console.ending import answer, leave, run_program
from ovenbird.settings import stacks_file

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})


@app.callback()
def ovenbird(_version: o.Version = False) -> None:
    """Release git tags to stacks of EC2 web servers, each with new servers from a new image."""


@app.command()
def release(
    stack: o.Stack,
    tag: o.Tag,
    force: o.Force = False,
    urgent: o.Urgent = False,
    contraction: o.Contraction = False,
    despite: o.Despite = None,
    detach: o.Detach = False,
    wait: o.Wait = True,
    by: o.By = o.ME,
    reason: o.Reason = "",
    as_json: o.Json = False,
) -> None:
    """Release TAG to STACK, and follow the release to its end."""
    request = {"stack": stack, "tag": tag, "requested_by": by, "reason": reason}
    options = {"force": force, "urgent": urgent, "contraction": contraction}
    named = {"despite": despite or []}
    command = releases.release(request | options | named, detach=detach, wait=wait, as_json=as_json)
    answer(command, results.show, as_json)


@app.command()
def rollback(
    stack: o.Stack,
    to: o.To = None,
    board: o.Board = False,
    force: o.ForceBack = False,
    despite: o.Despite = None,
    detach: o.Detach = False,
    wait: o.Wait = True,
    by: o.By = o.ME,
    reason: o.Reason = "",
    as_json: o.Json = False,
) -> None:
    """Go back to what served before. On a terminal and without --to, choose from what is kept."""
    asks = to is None and not as_json and questions.on_a_terminal()
    if board or asks:
        answer(questions.board(stack), tables.show_board, as_json)
    if board:
        return
    to = questions.choose_target() if asks else to
    request = {"stack": stack, "to": to, "requested_by": by, "reason": reason, "force": force}
    named = {"despite": despite or []}
    command = releases.rollback(request | named, detach=detach, wait=wait, as_json=as_json)
    answer(command, results.show, as_json)


@app.command()
def bake(
    stack: o.Stack,
    tag: o.OptionalTag = None,
    if_stale: o.IfStale = False,
    rebake: o.Rebake = False,
    every: o.Every = None,
    never: o.Never = False,
    detach: o.Detach = False,
    by: o.By = o.ME,
    reason: o.Reason = "",
    as_json: o.Json = False,
) -> None:
    """Bake the image of TAG and release nothing. An image of the same parts is used again."""
    scheduled = every is not None or never
    if tag is None and not if_stale:
        raise typer.BadParameter("name a tag, or say --if-stale for the tag that serves")
    if scheduled and (tag is not None or not if_stale):
        raise typer.BadParameter("--every and --never need --if-stale, and no tag")
    if scheduled:
        answer(bakes.schedule(stack, None if never else every), results.show, as_json)
        return
    request = {"stack": stack, "tag": tag, "rebake": rebake, "requested_by": by, "reason": reason}
    answer(bakes.bake(request, detach=detach, as_json=as_json), results.show, as_json)


@app.command()
def adopt(
    stack: o.Stack,
    group: o.Group,
    tag: o.Tag,
    by: o.By = o.ME,
    reason: o.Reason = "",
    as_json: o.Json = False,
) -> None:
    """Make GROUP the first deployment of STACK. It gets tags; its instances stay as they are."""
    request = {"stack": stack, "group": group, "tag": tag, "requested_by": by, "reason": reason}
    answer(releases.adopt(request), results.show_adopted, as_json)


@app.command()
def sweep(
    stack: o.OptionalStack = None,
    apply: o.Apply = False,
    every: o.Every = None,
    never: o.Never = False,
    as_json: o.Json = False,
) -> None:
    """Find what releases that no longer run have left behind. With --apply, clear it."""
    if every is not None or never:
        minutes = None if never else every
        answer(sweeps.schedule(minutes, apply=apply), results.show, as_json)
        return
    found = answer(sweeps.sweep(stack, apply=apply), tables.show_sweep, as_json)
    if any(swept["stopped"] or swept["left"] for swept in found):
        leave(FAILED)


@app.command()
def prune(
    stack: o.Stack,
    dry_run: o.DryRun = False,
    detach: o.Detach = False,
    by: o.By = o.ME,
    reason: o.Reason = "",
    as_json: o.Json = False,
) -> None:
    """Remove the deployments and images of STACK that a release would prune at its end."""
    if dry_run:
        answer(prunes.dry_run(stack), results.show, as_json)
        return
    request = {"stack": stack, "requested_by": by, "reason": reason}
    command = prunes.prune(request, detach=detach, as_json=as_json)
    answer(command, results.show, as_json)


@app.command()
def leftovers(stack: o.Stack, run: o.Run = None, as_json: o.Json = False) -> None:
    """List every resource that a release intended, made or deleted."""
    answer(runs.leftovers(stack, run), tables.show_ledger, as_json)


@app.command()
def approve(
    stack: o.Stack, at: o.At = "", by: o.By = o.ME, reason: o.Reason = "", as_json: o.Json = False
) -> None:
    """Let the traffic move to the new version, now or at a later moment."""
    answer(messages.send(stack, "approve_cutover", by, reason, at), results.show, as_json)


@app.command()
def abort(stack: o.Stack, by: o.By = o.ME, reason: o.Reason = "", as_json: o.Json = False) -> None:
    """Stop the release, and restore what served before."""
    answer(messages.send(stack, "abort_and_roll_back", by, reason), results.show, as_json)


@app.command()
def pause(stack: o.Stack, by: o.By = o.ME, reason: o.Reason = "", as_json: o.Json = False) -> None:
    """Stop before the next action."""
    answer(messages.send(stack, "pause", by, reason), results.show, as_json)


@app.command()
def extend(stack: o.Stack, by: o.By = o.ME, reason: o.Reason = "", as_json: o.Json = False) -> None:
    """Keep the old version at full size for as long again (timeouts.hot), ready for a rollback."""
    answer(messages.send(stack, "extend", by, reason), results.show, as_json)


@app.command("park-now")
def park_now(
    stack: o.Stack, by: o.By = o.ME, reason: o.Reason = "", as_json: o.Json = False
) -> None:
    """Stop keeping the old version at full size, and park it."""
    answer(messages.send(stack, "park_now", by, reason), results.show, as_json)


@app.command()
def resume(stack: o.Stack, by: o.By = o.ME, reason: o.Reason = "", as_json: o.Json = False) -> None:
    """Go on after a pause."""
    answer(messages.send(stack, "resume", by, reason), results.show, as_json)


@app.command()
def status(stack: o.OptionalStack = None, as_json: o.Json = False) -> None:
    """Show how the release of STACK stands, or which releases run."""
    if stack is None:
        answer(runs.running(), tables.show_running, as_json)
    else:
        answer(runs.status(stack), results.show_status, as_json)


@app.command()
def watch(stack: o.Stack, as_json: o.Json = False) -> None:
    """Follow the release that is under way, or show the end of the last one."""
    answer(releases.watch(stack, as_json=as_json), results.show, as_json)


@app.command()
def plan(stack: o.Stack, tag: o.Tag, force: o.Force = False, as_json: o.Json = False) -> None:
    """Show what a release would do. Changes nothing."""
    request = {"stack": stack, "tag": tag, "force": force}
    if answer(questions.plan(request), tables.show_plan, as_json)["problems"]:
        leave(REFUSED_CODE)


@app.command()
def doctor(stack: o.Stack, as_json: o.Json = False) -> None:
    """Check that everything a release of STACK needs is there and permitted. Changes nothing."""
    found = answer(questions.doctor(stack), tables.show_checks, as_json)
    if any(check["problem"] for check in found):
        leave(FAILED)


@app.command()
def diff(stack: o.Stack, was: o.ImageTag, now: o.ImageTag, as_json: o.Json = False) -> None:
    """Compare the images of two tags: commits, packages, files, base image, recipe."""
    answer(questions.diff(stack, was, now), tables.show_diff, as_json)


@app.command()
def history(stack: o.Stack, as_json: o.Json = False) -> None:
    """List the deployments of STACK that are kept, newest first."""
    answer(questions.history(stack), tables.show_history, as_json)


@app.command()
def stacks(as_json: o.Json = False) -> None:
    """Check the stacks file, and list the stacks in it."""
    answer(lambda: questions.stacks(stacks_file()), tables.show_stacks, as_json)


def main() -> NoReturn:
    run_program(app)


if __name__ == "__main__":
    main()
