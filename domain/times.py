"""Times that AWS and people wrote."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime


def utc(time: str) -> datetime | None:
    """A time without an offset is in UTC. None where the text is no time."""
    try:
        read = datetime.fromisoformat(time)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def newest(times: Iterable[str]) -> str:
    """The latest that can be read; empty where there is none."""
    known = [read for time in times if (read := utc(time))]
    return max(known).isoformat() if known else ""
