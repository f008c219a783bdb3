"""Odd values: what nearly is what a parser expects."""

from __future__ import annotations

import copy
import json
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

STACKS_FILE = Path(__file__).parents[2] / "deploy" / "stacks.toml"
DOCUMENT = tomllib.loads(STACKS_FILE.read_text())
SCALARS = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**400, -1, 1e300, 2**63])
    | st.datetimes()
    | st.text(max_size=20)
)


def text(*words: str) -> st.SearchStrategy[str]:
    """Any text, and texts that are nearly right."""
    parts = [*words, "²", "\x00", "\n", "é", "-", ":", ",", " ", "9", "0", "T", "+", ""]
    nearly = st.lists(st.sampled_from(parts), max_size=8).map("".join)
    return st.text(max_size=12) | nearly


def json_values() -> st.SearchStrategy[Any]:
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | text("by", "at", "stack")
    keys = text() | st.sampled_from(["by", "reason", "at", "stack", "tag", "to", "group", "force"])
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    )


def stacks_files() -> st.SearchStrategy[str]:
    """The documented file, with odd values in the place of some tables and keys."""
    values = st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["name", "id", "min", "url"]), inner, max_size=3)
        ),
        max_leaves=5,
    )
    changes = st.lists(st.tuples(st.lists(st.integers(0, 30), max_size=5), values), max_size=3)
    return changes.map(_changed).map(lambda document: "\n".join(_lines(document)))


def _changed(changes: list[tuple[list[int], Any]]) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    for path, value in changes:
        table: Any = document
        for number in path:
            keys = sorted(table) if isinstance(table, dict) else []
            if not keys:
                break
            key = keys[number % len(keys)]
            if number == path[-1] or not isinstance(table[key], dict):
                table[key] = copy.deepcopy(value)
                break
            table = table[key]
    return document


def _lines(document: dict[str, Any]) -> list[str]:
    return [f"{json.dumps(key)} = {_toml(value)}" for key, value in document.items()]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(_lines(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, str) else repr(value)
