"""`make demo`: the whole story on this machine. A real Temporal server, the local cloud, real traffic."""

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

from demo import infrastructure, report
from demo.account import Account
from demo.example import Repository
from demo.infrastructure import Infrastructure
from demo.processes import ROOT, Stage
from demo.seed import seed
from demo.traffic import Traffic
from demo.users_repository import Application, example, read
from workflows.contract import DATA_CONVERTER, release_id

STACK = "demo"
KEEP = 5
SEEDED = [f"v0.{number}" for number in range(1, 7)]
LEAST_REQUESTS = 2_000
SETTINGS = {
    "top": 'approval = true\nscaling = [{ metric = "cpu", target = 50 }, { metric = "requests", target = 1000 }]',
    "timeouts": infrastructure.QUICK_TIMEOUTS.replace("soak = 1", "soak = 3"),
}
console = Console(highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave all running until Ctrl-C")
    parser.add_argument(
        "--repo", help="a repository of your own, with an ovenbird.env; an address or a path"
    )
    parser.add_argument("--tag", help="its tag to release")
    parser.add_argument("--from", dest="earlier", help="an earlier tag to release first")
    parser.add_argument(
        "--builder", choices=("native", "packer"), default="native", help="what bakes"
    )
    chosen = parser.parse_args()
    if chosen.builder == "packer" and not shutil.which("packer"):
        parser.error("there is no packer on the PATH; Debian has it: apt-get install packer")
    if bool(chosen.repo) != bool(chosen.tag):
        parser.error("REPO and TAG go together")
    home = ROOT / ".ovenbird/demo"
    home.parent.mkdir(exist_ok=True)
    lock = (home.parent / "demo.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("demo: another one runs in this directory; end it first (Ctrl-C where it runs)")
    shutil.rmtree(home, ignore_errors=True)
    # A cancelled pipeline sends SIGTERM: what was started ends with us.
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


async def play(home: Path, application: Application, *, keep: bool, builder: str) -> int:
    with Stage(home, ui=True, cloud=("--scale", "0.1")) as stage:
        say(
            f"Temporal is up, its UI at http://127.0.0.1:{stage.ui_port}; the local cloud is at {stage.environment['AWS_ENDPOINT_URL']}"
        )
        account = Account(stage.environment)
        built = infrastructure.build(
            stage.environment, stack=STACK, health=application.health, app_port=application.port
        )
        (home / "stacks.toml").write_text(
            built.stack(
                STACK,
                application.repository,
                application=application.name,
                bake=infrastructure.built_with(builder, stage.environment),
                **SETTINGS,
            )
        )
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
            console.print(
                f"\nTo go on playing: make demo KEEP=1. Logs of this run: {home.relative_to(ROOT)}/*.log"
            )
        return 1 if outcome.problems() else 0


async def releases(
    stage: Stage, client: Client, account: Account, built: Infrastructure, application: Application
) -> report.Outcome:
    *earlier, last = application.tags
    seconds = {}
    for tag in earlier:
        say(f"release {tag}: the first of this application")
        seconds[f"release of {tag}"] = await release(stage, client, tag)
    account.forget_calls()
    if earlier:
        say(f"release {last} under traffic to {built.address}")
        with Traffic(built.address, users=8) as traffic:
            seconds[f"release of {last}"] = await release(stage, client, last)
            while traffic.tally.sent < LEAST_REQUESTS + 100 and not traffic.tally.failed:
                await asyncio.sleep(0.1)
            calls = account.calls()
            tally = traffic.stop()
    else:
        seconds[f"release of {last}"] = await release(stage, client, last)
        calls = account.calls()
        with Traffic(built.address, users=8) as traffic:
            while traffic.tally.sent < LEAST_REQUESTS + 100 and not traffic.tally.failed:
                await asyncio.sleep(0.1)
            tally = traffic.stop()
    result = await client.get_workflow_handle(release_id(STACK)).result()
    back = None
    if earlier:
        say(f"roll back to {earlier[-1]} under traffic, and forward to {last} again")
        with Traffic(built.address, users=8) as traffic:
            seconds[f"rollback to {earlier[-1]}"] = await run(stage, "rollback", STACK)
            seconds[f"rollback to {last}"] = await run(stage, "rollback", STACK, "--to", last)
            back = traffic.stop()
    return report.Outcome(
        back=back,
        tally=tally,
        result=result,
        calls=calls,
        left=account.snapshot(),
        keep=KEEP,
        seconds=seconds,
        least_requests=LEAST_REQUESTS,
        wanted_versions=set(application.tags) if application.tells_its_version else set(),
    )


async def release(stage: Stage, client: Client, tag: str) -> float:
    """With the command line, as a user would; the approval comes as a signal. Seconds it took."""
    approving = asyncio.create_task(approve_when_asked(client))
    seconds = await run(stage, "release", STACK, tag)
    approving.cancel()
    return seconds


async def run(stage: Stage, *arguments: str) -> float:
    started = time.monotonic()
    command = [sys.executable, str(ROOT / "starter.py"), *arguments, "--by", "demo"]
    following = await asyncio.create_subprocess_exec(*command, env=os.environ | stage.environment)
    if code := await following.wait():
        raise RuntimeError(
            f"`ovenbird {' '.join(arguments)}` ended with exit code {code}; see {stage.home}/*.log"
        )
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
    address = f"--address {stage.temporal_address}"
    input_json = f'{{"stack":"{STACK}","tag":"{application.another}"}}'
    console.print(
        f"""
[bold]All is left running until Ctrl-C.[/] The Temporal UI is at http://127.0.0.1:{stage.ui_port}, the application at {built.address}
In another terminal:
  . {stage.home.relative_to(ROOT)}/environment && export PATH="$PWD/.venv/bin:$PATH"
  ovenbird history {STACK}
  ovenbird release {STACK} {application.another}        # and, in a third one: ovenbird approve {STACK} · ovenbird abort {STACK}
With nothing but Temporal's own command:
  temporal workflow start {address} --fail-existing --type ReleaseWorkflow --task-queue ovenbird \\
    --workflow-id release-{STACK} --input '{input_json}'
  temporal workflow query {address} --workflow-id release-{STACK} --type status
  temporal workflow signal {address} --workflow-id release-{STACK} --name approve_cutover --input '{{"by":"you"}}'""",
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
