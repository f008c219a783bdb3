"""What a command prints in the end, where it is not a table."""

from __future__ import annotations

import sys
from typing import Any

from domain.status import Status

WIDTH_IN_A_PIPE = 160


def show(result: dict[str, Any]) -> None:
    """One sentence, and notes. `watch` shows the result of whatever held the lock."""
    if "answer" in result:
        print(f"{result['stack']}: {result['answer']}")
    elif "accepted" in result:
        print(f"accepted as {result['accepted']}; follow it with `{result['follow']}`")
    elif "baked" in result:
        image = result["image"]
        when = "baked now" if result["baked"] else "baked before: nothing has changed since"
        print(f"{image['id']} is {image['name']}, {when}")
    elif "verdicts" in result or "findings" in result:
        _show_table(result)
    elif "pruned" in result:
        _show_served(result)
    else:
        show_adopted(result)


def _show_table(result: dict[str, Any]) -> None:
    """Of a prune or a sweep. Only what draws a table waits until Rich is imported."""
    from console import prunes, tables

    if "verdicts" in result:
        prunes.show(result)
    else:
        tables.show_sweep([result])


def show_adopted(adopted: dict[str, Any]) -> None:
    version = f"{adopted['tag']} ({adopted['commit'][:12]})"
    print(f"{adopted['stack']} is served by {adopted['deployment']}, which runs {version}")


def show_status(facts: dict[str, Any]) -> None:
    """A picture where a worker answered, and Temporal's own facts where none did."""
    if facts["stuck"]:
        print(f"STUCK: {facts['stuck']}")
    if facts.get("bullets"):
        # Only what draws waits until Rich is imported.
        from rich.console import Console

        from console.picture import draw

        status = Status.model_validate({name: facts[name] for name in Status.model_fields})
        width = None if sys.stdout.isatty() else WIDTH_IN_A_PIPE
        Console(width=width).print(draw(status, None, facts["trying_again"]))
        return
    if "bullets" not in facts:
        print("no worker answers; what Temporal itself knows:")
    for key, value in facts.items():
        if value not in ("", None, [], {}):
            print(f"{key}: {value}")


def _show_served(result: dict[str, Any]) -> None:
    version = f"{result['tag']} ({result['commit'][:12]})"
    parked = f"; {result['parked']} is parked" if result.get("parked") else ""
    print(f"{result['stack']} serves {version} as {result['deployment']}{parked}")
    for name in result["pruned"]:
        print(f"  pruned: {name}")
    for note in result["notes"]:
        print(f"  note: {note}")
