"""`make demo`: releases on this machine, with a real Temporal server and real traffic."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from temporalio.client import Client
from temporalio.service import RPCError

from demo import network, report
from demo.account import Account
from demo.example import Repository
from demo.infrastructure import QUICK_TIMEOUTS, Infrastructure, built_with
from demo.processes import ROOT, Stage
from demo.seed import seed
from demo.users_repository import Application, example, read
from demo.visitors import Tally, Visitors
from workflows.contract import DATA_CONVERTER, release_id

STACK = "demo"
KEEP = 5
SEEDED = [f"v0.{number}" for number in range(1, 7)]
LEAST_REQUESTS = 2_000
CPU = '{ metric = "cpu", target = 50 }'
REQUESTS = '{ metric = "requests", target = 1000 }'
SETTINGS = {
    "top": f"approval = true\nscaling = [{CPU}, {REQUESTS}]",
    "timeouts": QUICK_TIMEOUTS.replace("soak = 1", "soak = 3"),
}
console = Console(highlight=False)


def main() -> None:
    chosen = arguments()
    home = ROOT / ".ovenbird/demo"
    home.parent.mkdir(exist_ok=True)
    lock = (home.parent / "demo.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("demo: another demo runs in this directory. End it first, with Ctrl-C.")
    shutil.rmtree(home, ignore_errors=True)
    # A cancelled pipeline sends SIGTERM. The processes that the demo started must end then too.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        application = (
            read(chosen.repo, chosen.tag, chosen.earlier)
            if chosen.repo
            else example(Repository(home / "shop"))
        )
        sys.exit(asyncio.run(play(home, application, keep=chosen.keep, builder=chosen.builder)))
    except (RuntimeError, subprocess.CalledProcessError) as error:
        sys.exit(f"demo: {getattr(error, 'stderr', None) or error}")
    except KeyboardInterrupt:
        sys.exit(130)


def arguments() -> argparse.Namespace:
    """The arguments of the command line. Ends the program where they are wrong."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave all running until Ctrl-C")
    parser.add_argument("--repo", help="address or path of your repository (with an ovenbird.env)")
    parser.add_argument("--tag", help="the git tag of your repository to release")
    parser.add_argument("--from", dest="earlier", help="an earlier tag to release first")
    parser.add_argument(
        "--builder", choices=("native", "packer"), default="native", help="what bakes the image"
    )
    chosen = parser.parse_args()
    if chosen.builder == "packer" and not shutil.which("packer"):
        parser.error("there is no packer on the PATH. On Debian: apt-get install packer")
    if bool(chosen.repo) != bool(chosen.tag):
        parser.error("REPO and TAG need each other")
    return chosen


async def play(home: Path, application: Application, *, keep: bool, builder: str) -> int:
    """The exit code: 0 where every promise was kept."""
    with Stage(home, ui=True, cloud=("--scale", "0.1")) as stage:
        endpoint = stage.environment["AWS_ENDPOINT_URL"]
        say(f"Temporal is up, its UI at http://127.0.0.1:{stage.ui_port}")
        say(f"the local cloud is up at {endpoint}")
        account = Account(stage.environment)
        built = network.build(
            stage.environment, stack=STACK, health=application.health, app_port=application.port
        )
        stack = built.stack(
            STACK,
            application.repository,
            application=application.name,
            bake=built_with(builder, stage.environment),
            **SETTINGS,
        )
        (home / "stacks.toml").write_text(stack)
        (home / "environment").write_text(
            "".join(f"export {key}='{value}'\n" for key, value in stage.environment.items())
        )
        seed(account, built, stack=STACK, application=application.name, tags=SEEDED)
        say(f"six older deployments are parked in the stack {STACK}: {', '.join(SEEDED)}")
        stage.start_worker()
        client = await Client.connect(stage.temporal_address, data_converter=DATA_CONVERTER)
        outcome = await releases(stage, client, account, built, application)
        console.print()
        report.show(outcome, console)
        if keep:
            await go_on_playing(stage, built, application)
        else:
            console.print("\nTo go on playing: make demo KEEP=1.")
            console.print(f"Logs of this run: {home.relative_to(ROOT)}/*.log")
        return 1 if outcome.problems() else 0


async def releases(
    stage: Stage, client: Client, account: Account, built: Infrastructure, application: Application
) -> report.Outcome:
    """The releases of the application's tags, the last one under traffic, and the rollbacks."""
    *earlier, last = application.tags
    seconds = {}
    for tag in earlier:
        say(f"release {tag}: the first of this application")
        seconds[f"release of {tag}"] = await release(stage, client, tag)
    account.forget_calls()
    if earlier:
        say(f"release {last} under traffic to {built.address}")
        with Visitors(built.address, count=8) as visitors:
            seconds[f"release of {last}"] = await release(stage, client, last)
            await until_enough_asked(visitors)
            calls, tally = account.calls(), visitors.stop()
    else:
        seconds[f"release of {last}"] = await release(stage, client, last)
        calls = account.calls()
        with Visitors(built.address, count=8) as visitors:
            await until_enough_asked(visitors)
            tally = visitors.stop()
    result = await client.get_workflow_handle(release_id(STACK)).result()
    in_rollbacks = None
    if earlier:
        in_rollbacks = await rollbacks(stage, built, earlier[-1], last, seconds)
    return report.Outcome(
        tally=tally,
        in_rollbacks=in_rollbacks,
        result=result,
        calls=calls,
        left=account.snapshot(),
        keep=KEEP,
        seconds=seconds,
        least_requests=LEAST_REQUESTS,
        wanted_versions=set(application.tags) if application.tells_its_version else set(),
    )


async def rollbacks(
    stage: Stage, built: Infrastructure, earlier: str, last: str, seconds: dict[str, float]
) -> Tally:
    """To the earlier version and to the last one again. Adds the seconds that each took."""
    say(f"roll back to {earlier} under traffic, and forward to {last} again")
    with Visitors(built.address, count=8) as visitors:
        seconds[f"rollback to {earlier}"] = await run(stage, "rollback", STACK)
        seconds[f"rollback to {last}"] = await run(stage, "rollback", STACK, "--to", last)
        return visitors.stop()


async def until_enough_asked(visitors: Visitors) -> None:
    while visitors.tally.sent < LEAST_REQUESTS + 100 and not visitors.tally.failed:
        await asyncio.sleep(0.1)


async def release(stage: Stage, client: Client, tag: str) -> float:
    """With the command line, as a user would. The approval is a signal. Returns the seconds."""
    approving = asyncio.create_task(approve_when_asked(client))
    seconds = await run(stage, "release", STACK, tag)
    approving.cancel()
    return seconds


async def run(stage: Stage, *arguments: str) -> float:
    started = time.monotonic()
    command = [sys.executable, str(ROOT / "starter.py"), *arguments, "--by", "demo"]
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | stage.environment)
    if code := await process.wait():
        words = f"`ovenbird {' '.join(arguments)}` ended with exit code {code}"
        raise RuntimeError(f"{words}; see {stage.home}/*.log")
    return time.monotonic() - started


async def approve_when_asked(client: Client) -> None:
    handle = client.get_workflow_handle(release_id(STACK))
    while True:
        await asyncio.sleep(0.3)
        try:
            status = await handle.query("status")
        except RPCError:
            continue
        if status["waiting_for"]:
            await handle.signal(
                "approve_cutover", {"by": "demo", "reason": "both versions look fine"}
            )
            return


async def go_on_playing(stage: Stage, built: Infrastructure, application: Application) -> None:
    """Says what may be tried, and waits for Ctrl-C."""
    address = f"--address {stage.temporal_address}"
    input_json = f'{{"stack":"{STACK}","tag":"{application.another}"}}'
    console.print(
        f"""
[bold]All is left running until Ctrl-C.[/]
The Temporal UI is at http://127.0.0.1:{stage.ui_port}, the application at {built.address}
In another terminal:
  . {stage.home.relative_to(ROOT)}/environment && export PATH="$PWD/.venv/bin:$PATH"
  ovenbird history {STACK}
  ovenbird release {STACK} {application.another}
In a third terminal:
  ovenbird approve {STACK}   # or: ovenbird abort {STACK}
With Temporal's own command alone:
  temporal workflow start {address} --fail-existing --type ReleaseWorkflow \\
    --task-queue ovenbird --workflow-id release-{STACK} --input '{input_json}'
  temporal workflow query {address} --workflow-id release-{STACK} --type status
  temporal workflow signal {address} --workflow-id release-{STACK} --name approve_cutover \\
    --input '{{"by":"you"}}'""",
        soft_wrap=True,
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def say(words: str) -> None:
    console.print(f"[bold]== {words}[/]", soft_wrap=True)


if __name__ == "__main__":
    main()
