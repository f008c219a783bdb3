"""No value that somebody wrote ends a command in a traceback."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from rich.console import Console
from temporalio.service import RPCError, RPCStatusCode

from console import tables
from console.codes import Stop
from console.live import LiveView
from console.schedules import replace_schedule
from console.temporal import tell
from domain.status import Bullet, Status

ODD = "[/b] v1[bold"


@pytest.mark.parametrize(
    ("served_at", "age"),
    [("yesterday", "at an unknown time"), ("2020-01-01", "days ago"), ("", "never")],
)
def test_a_board_shows_what_it_cannot_read(
    capsys: pytest.CaptureFixture[str], served_at: str, age: str
) -> None:
    candidate = {"tag": ODD, "deployment": "one", "state": "parked", "served_at": served_at}
    tables.show_board([candidate | {"seconds_last_time": None, "blocked": "", "image": None}])

    assert age in capsys.readouterr().out


def test_a_terminal_shows_words_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr("rich.console.Console", lambda: console)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    tables.table(["tag"], [[ODD]])
    LiveView(console).say(ODD)
    bullet = Bullet(text=ODD, note=ODD, mark="done", started="yesterday", ended="²")
    LiveView(console).show(Status(workflow="release", bullets=(bullet,)), None, "")

    assert written.getvalue().count(ODD) >= 2


@pytest.mark.parametrize("minutes", [1e300, math.inf, math.nan])
async def test_no_schedule_is_made_of_what_no_timer_can_count(minutes: float) -> None:
    client: Any = None
    with pytest.raises(Stop, match="nothing can be repeated"):
        await replace_schedule(client, "name", client, minutes)


class Wedged:
    """A release that takes no update, as Temporal's client shows it."""

    def __init__(self, status: RPCStatusCode) -> None:
        self._status = status
        self.signals: list[str] = []

    def get_workflow_handle(self, _: str) -> Wedged:
        return self

    async def execute_update(self, *_: object, **__: object) -> None:
        raise RPCError("Temporal's words", self._status, b"")

    async def signal(self, name: str, *_: object, **__: object) -> None:
        self.signals.append(name)


@pytest.mark.parametrize(
    "status",
    [
        # Its task fails.
        RPCStatusCode.FAILED_PRECONDITION,
        # It is being continued as new.
        RPCStatusCode.RESOURCE_EXHAUSTED,
    ],
)
async def test_what_a_release_takes_as_no_update_is_sent_as_a_signal(status: RPCStatusCode) -> None:
    wedged: Any = Wedged(status)

    assert "kept" in await tell(wedged, "production", "abort_and_roll_back", {})
    assert wedged.signals == ["abort_and_roll_back"]
