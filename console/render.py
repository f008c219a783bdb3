"""What a person sees: a live view on a terminal, plain lines in a pipe, one event each."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from domain.status import SYMBOLS, Bullet, Side, Status

COLOURS = {
    "to do": "dim",
    "doing": "bold yellow",
    "done": "green",
    "skipped": "dim",
    "failed": "bold red",
}
BAR = 24


class View(Protocol):
    """Shows a release while it is followed. `extra` is the bake's status, and what is being tried again."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def show(self, status: Status, bake: Status | None, trying: str) -> None: ...
    def say(self, words: str) -> None: ...


def choose_view(*, as_json: bool) -> View:
    if as_json:
        return JsonView()
    return LiveView() if sys.stdout.isatty() else PlainView()


class _NoContext:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


class PlainView(_NoContext):
    """One line a change."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._write = write or (lambda line: print(line, flush=True))
        self._seen: dict[str, tuple[str, str]] = {}

    def show(self, status: Status, bake: Status | None, trying: str) -> None:
        self._bullets(bake.bullets if bake else (), "  bake: ")
        self._bullets(status.bullets, "")
        sides = " · ".join(
            f"{role} {_side(side)}"
            for role, side in (("blue", status.blue), ("green", status.green))
            if side
        )
        if status.weights:
            sides += " · traffic " + ", ".join(
                f"{role} {share} %" for role, share in status.weights.items()
            )
        for key, line in (
            ("sides", sides),
            ("waiting", f"waiting for: {status.waiting_for}" if status.waiting_for else ""),
            (
                "paused",
                f"paused by {status.paused.by}: {status.paused.reason}" if status.paused else "",
            ),
            ("trying", trying),
            *((note, f"note: {note}") for note in status.notes),
        ):
            if self._seen.get(key) != ("", line):
                self._seen[key] = ("", line)
                if line:
                    self.say(line)

    def say(self, words: str) -> None:
        self._write(f"{datetime.now(UTC):%H:%M:%S} {words}")

    def _bullets(self, bullets: Iterable[Bullet], indent: str) -> None:
        for bullet in bullets:
            shown = (bullet.mark, bullet.note)
            if bullet.mark != "to do" and self._seen.get(indent + bullet.text) != shown:
                self._seen[indent + bullet.text] = shown
                self.say(
                    f"{indent}{SYMBOLS[bullet.mark]} {bullet.text}"
                    + (f" ({bullet.note})" if bullet.note else "")
                )


class JsonView(_NoContext):
    """One JSON object a change: the status as docs/status.schema.json describes it."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, status: Status, bake: Status | None, trying: str) -> None:
        line = status.model_dump_json()
        if line != self._last:
            self._last = line
            print(line, flush=True)

    def say(self, words: str) -> None:
        print(words, file=sys.stderr, flush=True)


class LiveView:
    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._live = Live(console=self.console, refresh_per_second=8, transient=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, status: Status, bake: Status | None, trying: str) -> None:
        self._live.update(picture(status, bake, trying))

    def say(self, words: str) -> None:
        self.console.print(words, highlight=False)


def picture(status: Status, bake: Status | None = None, trying: str = "") -> RenderableType:
    """The checklist ticking, both sides' health, the share of the traffic, and what it waits for."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=2)
    table.add_column(ratio=1)
    table.add_column(justify="right", width=8)
    for bullet in status.bullets:
        table.add_row(*_row(bullet, ""))
        if bake and bullet.mark == "doing" and bullet is status.bullets[0]:
            for part in bake.bullets:
                table.add_row(*_row(part, "  "))
    lines: list[RenderableType] = [
        Text.assemble(
            (f"{status.tag} → {status.stack}", "bold"),
            f"  {status.phase.replace('_', ' ')}",
            (f"  {status.commit[:12]}", "dim"),
        ),
        table,
    ]
    for role, side, colour in (("blue", status.blue, "blue"), ("green", status.green, "green")):
        if side:
            share = status.weights.get(role, 0)
            filled = round(BAR * share / 100)
            lines.append(
                Text.assemble(
                    (f"{role:>5} ", f"bold {colour}"),
                    f"{_side(side)}  ",
                    ("█" * filled, colour),
                    ("░" * (BAR - filled), "dim"),
                    f" {share:>3} % of the traffic",
                )
            )
    if trying:
        lines.append(Text(f"      {trying}", style="yellow"))
    if status.waiting_for:
        lines.append(
            Text(
                f"      waiting for {status.waiting_for}: ovenbird approve {status.stack} · ovenbird abort {status.stack}",
                style="bold yellow",
            )
        )
    if status.paused:
        lines.append(
            Text(
                f"      paused by {status.paused.by}: {status.paused.reason} · ovenbird resume {status.stack}",
                style="bold magenta",
            )
        )
    lines += [Text(f"      {note}", style="cyan") for note in status.notes]
    if status.outcome:
        lines.append(Text(status.outcome, style="bold"))
    return Group(*lines)


def as_json(value: Any) -> None:
    print(json.dumps(value, default=str, ensure_ascii=False))


def _row(bullet: Bullet, indent: str) -> tuple[Text, Text, Text]:
    colour = COLOURS[bullet.mark]
    text = Text(indent + bullet.text, style=colour if bullet.mark != "done" else "")
    if bullet.note and bullet.mark != "to do":
        text.append(f"\n{indent}{bullet.note}", style="dim")
    return Text(SYMBOLS[bullet.mark], style=colour), text, Text(_seconds(bullet), style="dim")


def _seconds(bullet: Bullet) -> str:
    if not bullet.started or bullet.mark == "skipped":
        return ""
    end = datetime.fromisoformat(bullet.ended) if bullet.ended else datetime.now(UTC)
    return f"{(end - datetime.fromisoformat(bullet.started)).total_seconds():.1f} s"


def _side(side: Side) -> str:
    if not side.in_balancer:
        return f"{side.tag}: {side.desired} wanted, out of the balancer"
    return f"{side.tag}: {'?' if side.healthy is None else side.healthy}/{side.desired} healthy"


def show_status(status: Status | None, facts: dict[str, Any]) -> None:
    """The picture where a worker answered, Temporal's own facts where none did."""
    if facts.get("stuck"):
        print(f"STUCK: {facts['stuck']}")
    if status is not None and status.bullets:
        Console(width=None if sys.stdout.isatty() else 160).print(
            picture(status, None, facts.get("trying_again", ""))
        )
        return
    if status is None:
        print("no worker answers; what Temporal itself knows:")
    for key, value in facts.items():
        if value not in ("", None, [], {}):
            print(f"{key}: {value}")


def show_result(result: dict[str, Any]) -> None:
    """One sentence, and what else is worth knowing."""
    if "answer" in result:
        print(f"{result['stack']}: {result['answer']}")
    elif "accepted" in result:
        print(f"accepted as {result['accepted']}; follow it with `{result['follow']}`")
    elif "baked" in result:
        image = result["image"]
        print(
            f"{image['id']} is {image['name']}, {'baked now' if result['baked'] else 'baked before: nothing has changed since'}"
        )
    else:
        parked = f"; {result['parked']} is parked" if result.get("parked") else ""
        print(
            f"{result['stack']} serves {result['tag']} ({result['commit'][:12]}) as {result['deployment']}{parked}"
        )
        for line in (
            *(f"pruned: {name}" for name in result["pruned"]),
            *(f"note: {note}" for note in result["notes"]),
        ):
            print(f"  {line}")
