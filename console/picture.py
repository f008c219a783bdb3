"""A release as one picture on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from console.sides import side_text
from domain.status import SYMBOLS, Bullet, Status, heading
from domain.tags import moment

COLOURS = {
    "to do": "dim",
    "doing": "bold yellow",
    "done": "green",
    "skipped": "dim",
    "failed": "bold red",
}
BAR_WIDTH = 24
INDENT = " " * 6


def draw(status: Status, bake: Status | None = None, trying: str = "") -> RenderableType:
    """The checklist, the health and traffic of both sides, and what the release waits for."""
    title = Text.assemble(
        (heading(status), "bold"),
        f"  {status.phase.replace('_', ' ')}",
        (f"  {status.commit[:12]}", "dim"),
    )
    lines = [title, _checklist(status, bake), *_sides(status)]
    if trying:
        lines.append(Text(f"{INDENT}{trying}", style="yellow"))
    lines += _prompts(status)
    lines += [Text(f"{INDENT}{note}", style="cyan") for note in status.notes]
    if status.outcome:
        lines.append(Text(status.outcome, style="bold"))
    return Group(*lines)


def _checklist(status: Status, bake: Status | None) -> RenderableType:
    """The bake's own checklist stands under the bullet that waits for it."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=2)
    table.add_column(ratio=1)
    table.add_column(justify="right", width=8)
    for bullet in status.bullets:
        table.add_row(*_row(bullet, ""))
        if bake and bullet.mark == "doing" and bullet is status.bullets[0]:
            for part in bake.bullets:
                table.add_row(*_row(part, "  "))
    return table


def _row(bullet: Bullet, indent: str) -> tuple[Text, Text, Text]:
    colour = COLOURS[bullet.mark]
    text = Text(indent + bullet.text, style=colour if bullet.mark != "done" else "")
    if bullet.note and bullet.mark != "to do":
        text.append(f"\n{indent}{bullet.note}", style="dim")
    return Text(SYMBOLS[bullet.mark], style=colour), text, Text(_seconds(bullet), style="dim")


def _seconds(bullet: Bullet) -> str:
    started = moment(bullet.started or "")
    if started is None or bullet.mark == "skipped":
        return ""
    end = moment(bullet.ended or "") or datetime.now(UTC)
    return f"{(end - started).total_seconds():.1f} s"


def _sides(status: Status) -> Iterator[Text]:
    for role, side in (("blue", status.blue), ("green", status.green)):
        if side:
            share = status.weights.get(role, 0)
            filled = round(BAR_WIDTH * share / 100)
            yield Text.assemble(
                (f"{role:>5} ", f"bold {role}"),
                f"{side_text(side)}  ",
                ("█" * filled, role),
                ("░" * (BAR_WIDTH - filled), "dim"),
                f" {share:>3} % of the traffic",
            )


def _prompts(status: Status) -> Iterator[Text]:
    """What a person may do now, as commands."""
    stack = status.stack
    if status.waiting_for:
        yield Text(
            f"{INDENT}waiting for {status.waiting_for}:"
            f" ovenbird approve {stack} · ovenbird abort {stack}",
            style="bold yellow",
        )
    if status.paused:
        yield Text(
            f"{INDENT}paused by {status.paused.by}: {status.paused.reason}"
            f" · ovenbird resume {stack}",
            style="bold magenta",
        )
