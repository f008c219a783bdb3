"""From when on a sweep may touch what a closed run left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import sweep, sweep_ages
from domain.times import newest, utc

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AGE, SURELY = timedelta(minutes=10), timedelta(minutes=3)


def ago(minutes: float) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat()


def not_before(made: str, closed: str, surely: timedelta | None, release: str = "gone") -> str:
    found = sweep.Finding(action="park", name="v1", why="", release=release, made_at=made)
    known = {"gone": closed} if closed else {}
    (dated,) = sweep_ages.dated([found], known, now=NOW, age=AGE, surely=surely)
    return dated.not_before


@pytest.mark.parametrize(
    ("made", "closed", "by_schedule", "by_name"),
    [
        # Terminated after 13 hours: the group is old, and the run may still have a call in flight.
        (ago(800), ago(0), ago(-10), ago(-3)),
        (ago(800), ago(5), ago(-5), ""),
        (ago(800), ago(11), "", ""),
        (ago(5), ago(4), ago(-6), ""),
        (ago(1), ago(1), ago(-9), ago(-2)),
        # Temporal does not show the run any more: only AWS says how old it is.
        (ago(5), "", ago(-5), ago(-5)),
        (ago(11), "", "", ""),
        ("", "", "", ""),
        ("", ago(5), ago(-5), ""),
    ],
)
def test_a_schedule_waits_for_the_age_and_a_person_for_the_last_call_of_the_run(
    made: str, closed: str, by_schedule: str, by_name: str
) -> None:
    assert not_before(made, closed, None) == by_schedule
    assert not_before(made, closed, SURELY) == by_name


def test_what_no_release_made_is_never_too_young() -> None:
    assert not_before(ago(0), "", None, release="") == ""


def test_a_person_never_waits_longer_than_the_schedule() -> None:
    assert not_before(ago(11), ago(11), timedelta(hours=1)) == ""


def test_the_time_that_is_shown_is_not_too_early() -> None:
    made = (NOW - timedelta(seconds=1, microseconds=1)).isoformat()

    assert not_before(made, "", None) == (NOW + timedelta(minutes=9, seconds=59)).isoformat()


def test_a_time_without_an_offset_is_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))

    assert utc("2026-11-22T12:00:00") == NOW
    assert utc("2026-11-22T13:00:00+01:00") == NOW.astimezone(berlin) == NOW
    assert utc("yesterday") is utc("") is None
    assert not_before("2026-11-22T11:55:00", "2026-11-22T11:59:00", None) == ago(-9)
    assert newest(["2026-11-22T11:00:00", "soon", "2026-11-22T11:59:00+00:00"]) == ago(1)
    assert newest([""]) == ""


@given(st.text(), st.text())
def test_no_text_in_the_place_of_a_time_breaks_a_sweep(made: str, closed: str) -> None:
    assert isinstance(not_before(made, closed, SURELY), str)
