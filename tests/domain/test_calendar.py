"""When a cutover may begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import moment_of, opens_at, parse_window

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
MOMENTS = st.integers(0, 366 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (at(0, 5), at(0, 6)),
        (at(0, 6), at(0, 6)),
        (at(0, 15, 59), at(0, 15, 59)),
        (at(0, 16), at(1, 6)),
        (at(4, 20), at(5, 8)),
        (at(5, 13), at(7, 6)),
        (at(6, 1), at(7, 6)),
    ],
)
def test_it_waits_for_the_next_window(now: datetime, opens: datetime) -> None:
    assert opens_at(now, ["Mon-Fri 06:00-16:00", "Sat 08:00-12:00"], []) == opens


def test_a_freeze_is_over_before_a_window_counts() -> None:
    freeze = (at(0, 0), at(2, 10))

    assert opens_at(at(1, 7), ["Mon-Fri 06:00-16:00"], [freeze]) == at(2, 10)
    assert opens_at(at(1, 7), [], [freeze, (at(2, 9), at(3, 0))]) == at(3, 0)
    assert opens_at(at(3, 7), [], [freeze]) == at(3, 7)
    assert opens_at(at(0, 1), [], [(at(0, 0), at(800, 0))]) is None


@given(
    MOMENTS,
    st.sampled_from(
        ["Mon-Fri 06:00-16:00", "Sat-Mon 22:00-23:30", "Wed 00:00-00:01", "09:00-17:00"]
    ),
)
def test_where_it_opens_it_is_open(now: datetime, window: str) -> None:
    opens = opens_at(now, [window], [])
    days, begin, end = parse_window(window)

    assert opens is not None
    assert now <= opens <= now + timedelta(days=8)
    assert opens.weekday() in days
    assert begin <= opens.time() < end


@pytest.mark.parametrize(
    "wrong", ["Mon-Fri", "Mon-Fri 6:00-16:00", "Mun 06:00-16:00", "22:00-06:00", "06:00-25:00"]
)
def test_what_is_no_window_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"window|day|hour|ends"):
        parse_window(wrong)


def test_a_clock_is_the_next_such_moment_and_a_date_needs_its_offset() -> None:
    assert moment_of("06:00", at(0, 5)) == at(0, 6)
    assert moment_of("06:00", at(0, 7)) == at(1, 6)
    assert moment_of("2026-11-25T06:00+01:00", at(0, 5)) == at(2, 5)
    with pytest.raises(ValueError, match="no offset"):
        moment_of("2026-11-25T06:00", at(0, 5))
    with pytest.raises(ValueError, match=r"\w"):
        moment_of("at dawn", at(0, 5))
