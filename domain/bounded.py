"""Texts and values from outside: none may be longer than a run can carry, and none may raise."""

from __future__ import annotations

import reprlib
from typing import Any

# Characters. Temporal limits what a run says at once to 2 MB.
LONGEST_NAME, LONGEST_NOTE, LONGEST_ERROR, LONGEST_OUTCOME = 200, 2_000, 8_000, 16_000
# Of a foreign value, as a person is shown it.
LONGEST_VALUE = 500


def shortened(text: str, longest: int) -> str:
    """The text. Where it is longer: its beginning and its end, and how much is left out."""
    if len(text) <= longest:
        return text
    words = f" … ({len(text)} characters, shortened) … "
    room = max(0, longest - len(words))
    tail = room // 3
    return text[: room - tail] + words + (text[-tail:] if tail else "")


def shown(value: object) -> str:
    """Any value as text. Of a large one only a part is looked at, since it may have millions."""
    try:
        return _SHORT.repr(value)[:LONGEST_VALUE]
    except Exception as error:  # noqa: BLE001 (a foreign value's own code may raise anything)
        return f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"


def text_of(value: object, longest: int) -> str:
    """A text as it is, anything else as `shown`; cut to `longest`."""
    return (value if isinstance(value, str) else shown(value))[:longest]


def refuse_control_characters(text: str) -> str:
    """Raises ValueError. Neither git nor AWS nor Temporal's search takes a NUL or a line break."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError("it holds a control character")
    return text


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxstring = self.maxother = self.maxlong = LONGEST_NAME

    def repr_str(self, x: Any, level: int) -> str:
        """Without looking at all of a text of megabytes."""
        return super().repr_str(x[: 2 * self.maxstring], level)


_SHORT = _Short()
