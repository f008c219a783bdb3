"""The judge of `make meddle`, and two of its runs, as its user runs them."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from bench.meddle.doors import NOBODY, Answer
from bench.meddle.judge import FOREIGN, Ending, Row, judge, says
from demo.processes import ROOT

BLUE, GREEN = "v1", "v2"
# An abort behind a classic balancer, and a release with attach: quick ones.
SEEDS = (6, 8)


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        ("Completed", "", {GREEN}),
        ("RolledBack", "v2 is not fit to serve. Rolled back: shop serves v1 as before", {BLUE}),
        ("Refused", "v2 serves already", {BLUE}),
        ("Dirty", "aborted. The way back failed: shop serves v1 as before. Left to do", {BLUE}),
        (
            "Dirty",
            "v2 is sick. The way back failed: v2 still answers: v2 answers with 2. Left to do: x",
            {GREEN},
        ),
        (
            "Dirty",
            "aborted, and yet v2 still answers: v1 answers with 2 healthy and v2 answers with 1",
            {BLUE, GREEN},
        ),
        ("Dirty", "v2 took over, and yet v2 does not answer: nobody answers", {NOBODY}),
        ("Dirty", "AWS refused", None),
        ("Asks", "marks and traffic disagree: v1 serves, says the mark", None),
    ],
)
def test_what_an_ending_says_of_who_serves(kind: str, words: str, said: set[str] | None) -> None:
    assert says(Ending(kind, words), BLUE, GREEN) == (said and frozenset(said))


def test_a_sweep_says_that_what_it_marks_serves() -> None:
    assert says(Ending("Swept", "cleared", GREEN), BLUE, GREEN) == frozenset({GREEN})


def answers(*versions: str) -> list[Answer]:
    """One a second, from second 0 on."""
    return [
        Answer("http://door/", at, at + 0.1, version, "503" if version == NOBODY else "")
        for at, version in enumerate(versions)
    ]


def judged(
    kind: str,
    all_of_them: list[Answer],
    *,
    last: int,
    excused: tuple[float, float] = (0, -1),
    stranger: bool = False,
) -> list[str]:
    row = Row(1, "abort", "attach", "x", "y", ending=Ending(kind))
    judge(
        row,
        all_of_them,
        all_of_them[-last:] if last else [],
        tags=(BLUE, GREEN),
        excused=excused,
        stranger=stranger,
    )
    return row.wrong


def test_a_row_is_bad_where_another_version_answers_than_it_says() -> None:
    assert judged("RolledBack", answers(GREEN, BLUE, BLUE), last=2) == []
    assert judged("RolledBack", answers(GREEN, BLUE, GREEN), last=2) != []
    assert judged("Completed", answers(GREEN, BLUE), last=1) != []


def test_a_failed_request_is_charged_unless_the_meddler_made_it_fail() -> None:
    outage = answers(BLUE, NOBODY, NOBODY, BLUE)

    assert "2 of 4 requests failed" in judged("RolledBack", outage, last=1)[0]
    assert judged("RolledBack", outage, last=1, excused=(0.5, 2.5)) == []
    assert "1 of 4 requests failed" in judged("RolledBack", outage, last=1, excused=(0.5, 1.5))[0]


def test_a_meddler_that_takes_the_service_away_does_not_make_the_outcome_true() -> None:
    outage = answers(BLUE, NOBODY, NOBODY)

    assert judged("RolledBack", outage, last=2, excused=(0.5, 1e9)) == [
        "it says that v1 serves; nobody 2"
    ]


def test_what_a_meddler_brought_into_the_traffic_and_what_it_closed_say_nothing() -> None:
    mixed = answers(BLUE, FOREIGN)

    assert judged("RolledBack", mixed, last=2, stranger=True) == []
    assert judged("RolledBack", mixed, last=2) != []
    assert judged("RolledBack", mixed, last=0) == []


def test_a_dirty_end_that_does_not_say_who_serves_is_bad() -> None:
    assert "does not say" in judged("Dirty", answers(BLUE), last=1)[0]


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_meddled_run_keeps_every_promise(seed: int) -> None:
    command = [sys.executable, "-m", "bench.meddle", "--runs", "1", "--seed", str(seed)]
    process = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert process.returncode == 0, (process.stdout + process.stderr)[-5000:]
    assert "1 runs, 1 of them meddled with" in process.stdout
