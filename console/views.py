"""What shows a release while it runs: a live picture on a terminal, one line an event in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from console.picture import draw, side_text
from domain.status import SYMBOLS, Bullet, Status


class View(Protocol):
    """`bake` is the status of the bake under way; `trying` says what is being tried again."""

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
        for key, line in (*_lines(status), ("trying", trying)):
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
                note = f" ({bullet.note})" if bullet.note else ""
                self.say(f"{indent}{SYMBOLS[bullet.mark]} {bullet.text}{note}")


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
        self._live.update(draw(status, bake, trying))

    def say(self, words: str) -> None:
        self.console.print(words, highlight=False, markup=False)


def _lines(status: Status) -> Iterator[tuple[str, str]]:
    """Under a key each, so that a line that changed is printed again."""
    sides = [
        f"{role} {side_text(side)}"
        for role, side in (("blue", status.blue), ("green", status.green))
        if side
    ]
    if status.weights:
        shares = ", ".join(f"{role} {share} %" for role, share in status.weights.items())
        sides.append(f"traffic {shares}")
    yield "sides", " · ".join(sides)
    yield "waiting", f"waiting for: {status.waiting_for}" if status.waiting_for else ""
    paused = status.paused
    yield "paused", f"paused by {paused.by}: {paused.reason}" if paused else ""
    for note in status.notes:
        yield note, f"note: {note}"
