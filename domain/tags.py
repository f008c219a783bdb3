"""What a tag says. Anybody may write a tag, so none of these raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

# As many instances as any Auto Scaling group may have, and more.
_SIZE = re.compile(r"[0-9]{1,6}", re.ASCII)


def size_tag(tags: Mapping[str, str], key: str) -> int | None:
    """A group's size; None where the tag is missing, is empty or is no such number."""
    text = tags.get(key, "")
    return int(text) if _SIZE.fullmatch(text) else None


def moment(text: str) -> datetime | None:
    """An ISO 8601 time in UTC; None where the text is none. Without an offset, UTC is meant."""
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
