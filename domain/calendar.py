"""
When may a cutover begin?

All times are UTC. A replayed workflow must reach the same answer although time zone rules change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

# Beyond it no cutover is looked for, and no approval may name a moment.
A_YEAR = timedelta(days=366)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW = re.compile(
    r"^(?:(?P<first>[A-Z][a-z]{2})(?:-(?P<last>[A-Z][a-z]{2}))? )?"
    r"(?P<begin>\d{2}:\d{2})-(?P<end>\d{2}:\d{2})$"
)
_CLOCK = re.compile(r"^\d{2}:\d{2}$")


def parse_window(text: str) -> tuple[frozenset[int], time, time]:
    """
    Reads "Mon-Fri 06:00-16:00", "Sat 08:00-12:00" or "06:00-22:00".

    Returns the weekdays (Monday is 0), the opening time and the closing time. Raises ValueError.
    """
    found = _WINDOW.match(text)
    if not found:
        raise ValueError(
            f'{text!r} is no window: write it as "Mon-Fri 06:00-16:00" or "06:00-22:00", in UTC'
        )
    first, last = found["first"] or "Mon", found["last"] or found["first"] or "Sun"
    if not {first, last} <= set(DAYS):
        raise ValueError(f"{text!r} names a day that is none of {', '.join(DAYS)}")
    begin, end = (time.fromisoformat(found[part]) for part in ("begin", "end"))
    if begin >= end:
        raise ValueError(f"{text!r} ends before it begins: a window over midnight is two windows")
    one, other = DAYS.index(first), DAYS.index(last)
    return (
        frozenset(day % 7 for day in range(one, other + 1 if one <= other else other + 8)),
        begin,
        end,
    )


def opens_at(
    now: datetime, windows: Iterable[str], freezes: Iterable[tuple[datetime, datetime]]
) -> datetime | None:
    """
    The first moment from `now` on at which a cutover may begin.

    Returns `now` where it may begin at once, and None where it may not begin within a year.
    """
    wanted, closed = [parse_window(text) for text in windows], sorted(freezes)
    moment = now
    while moment < now + A_YEAR:
        frozen = next((end for begin, end in closed if begin <= moment < end), None)
        if frozen:
            moment = frozen
            continue
        if not wanted:
            return moment
        opening = min((_opening(moment, window) for window in wanted), default=moment)
        if opening == moment:
            return moment
        moment = opening
    return None


def _opening(moment: datetime, window: tuple[frozenset[int], time, time]) -> datetime:
    days, begin, end = window
    for ahead in range(8):
        day = (moment + timedelta(days=ahead)).date()
        if day.weekday() not in days:
            continue
        opens, closes = (datetime.combine(day, at, UTC) for at in (begin, end))
        if moment < closes:
            return max(moment, opens)
    raise AssertionError("a window has a day in every week")


def moment_of(text: str, now: datetime) -> datetime:
    """
    Reads "06:00" (the next 06:00 UTC) or an ISO 8601 moment with its offset, at most a year ahead.

    Raises ValueError, also for what is a time and none that can be waited for.
    """
    if _CLOCK.match(text):
        today = datetime.combine(now.date(), time.fromisoformat(text), UTC)
        return today if today >= now else today + timedelta(days=1)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(
            f"{text!r} has no offset: write 06:00 for the next one in UTC, "
            "or 2026-11-25T06:00+01:00"
        )
    try:
        ahead = moment.astimezone(UTC) - now
    except OverflowError:
        raise ValueError(f"{text!r} is no moment in UTC") from None
    if ahead > A_YEAR:
        raise ValueError(f"{text!r} is more than a year away")
    return moment
