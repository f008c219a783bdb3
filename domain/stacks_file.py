"""Reads the stacks file: all stacks, or one error that lists every mistake."""

from __future__ import annotations

import tomllib
from typing import Any

from pydantic import ValidationError

from domain.config import Stack
from domain.errors import InvalidConfiguration, UnknownStack

RENAMED = {"first_look": "first_poll", "settle": "consistency_grace"}


def parse(text: str, source: str = "the stacks file") -> dict[str, Stack]:
    """
    All stacks of a TOML document, by name. `[defaults]` fills a stack's missing keys per table.

    Raises InvalidConfiguration with every mistake of every stack at once.
    """
    try:
        document = tomllib.loads(text)
    # Numbers of thousands of digits and deep nesting raise other errors than TOMLDecodeError.
    except (ValueError, RecursionError) as error:
        raise InvalidConfiguration(f"{source} is not valid TOML: {error}") from None
    mistakes = [
        f"{key}: unknown table; the file holds [defaults] and [stacks.<name>]"
        for key in document
        if key not in ("defaults", "stacks")
    ]
    defaults, tables = document.get("defaults", {}), document.get("stacks", {})
    if not isinstance(tables, dict) or not tables:
        mistakes.append("stacks: at least one [stacks.<name>] is needed")
        tables = {}
    if not isinstance(defaults, dict):
        mistakes.append("defaults: it must be a table, [defaults]")
        defaults = {}
    stacks, wrong = _validated(_by_its_new_names(defaults), tables)
    mistakes += wrong
    mistakes += [
        f"stacks.{stack.name}.bake.made_by: {wrong_maker}"
        for stack in stacks.values()
        if (wrong_maker := _wrong_maker(stack, tables, stacks))
    ]
    # A mistake in the defaults is found in every stack, and reported once.
    mistakes = list(dict.fromkeys(mistakes))
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise InvalidConfiguration(
            f"{source} has {count}:\n" + "\n".join(f"  - {mistake}" for mistake in mistakes)
        )
    return stacks


def _validated(defaults: Any, tables: dict[str, Any]) -> tuple[dict[str, Stack], list[str]]:
    """The valid stacks by name, and the mistakes of the others."""
    stacks: dict[str, Stack] = {}
    mistakes: list[str] = []
    for name, table in tables.items():
        if not isinstance(table, dict):
            mistakes.append(f"stacks.{name}: it must be a table, [stacks.{name}]")
            continue
        try:
            stacks[name] = Stack.model_validate(
                _merged(defaults, _by_its_new_names(table)) | {"name": name}
            )
        except ValidationError as error:
            mistakes += [_sentence(name, table, defaults, details) for details in error.errors()]
    return stacks, mistakes


def _wrong_maker(stack: Stack, tables: dict[str, Any], stacks: dict[str, Stack]) -> str:
    """
    Why the stack `made_by` cannot make this stack's images; empty where it can.

    Also empty where that stack has mistakes of its own, which are reported already.
    """
    name = stack.bake.made_by
    if name is None or (name in tables and name not in stacks):
        return ""
    maker = stacks.get(name)
    if maker is None:
        return f"there is no stack {name}"
    if maker.bake.made_by:
        return f"{name} has its images made by {maker.bake.made_by}: name that one"
    if maker.application.name != stack.application.name:
        return (
            f"{name} is a stack of {maker.application.name}, "
            f"and this one of {stack.application.name}"
        )
    if maker.region == stack.region:
        return (
            f"{name} is in {stack.region} too: "
            "stacks of one application and region share their images as it is"
        )
    if stack.region not in [copy.region for copy in maker.bake.copies]:
        return f"stacks.{name}.bake.copies does not name {stack.region}"
    return ""


def pick(stacks: dict[str, Stack], name: str) -> Stack:
    """Raises UnknownStack, which lists the stacks of the file."""
    if name not in stacks:
        raise UnknownStack(
            f"there is no stack {name!r}; the stacks file has {', '.join(sorted(stacks))}"
        )
    return stacks[name]


def _has(table: Any, path: tuple[int | str, ...]) -> bool:
    for part in path:
        if not isinstance(table, dict) or part not in table:
            return isinstance(table, list)
        table = table[part]
    return True


def _by_its_new_names(table: Any) -> Any:
    """
    Renames `patience` and its old keys, which are understood until 0.2.

    Where both names are given, the table stays as it is.
    """
    if not isinstance(table, dict) or "patience" not in table or "timeouts" in table:
        return table
    waits = table["patience"]
    if isinstance(waits, dict):
        waits = {RENAMED.get(key, key): value for key, value in waits.items()}
    return {key: value for key, value in table.items() if key != "patience"} | {"timeouts": waits}


def _merged(defaults: Any, table: Any) -> Any:
    if not (isinstance(defaults, dict) and isinstance(table, dict)):
        return table
    return defaults | {key: _merged(defaults.get(key), value) for key, value in table.items()}


def _sentence(stack: str, table: Any, defaults: Any, details: Any) -> str:
    where = (
        ("defaults",)
        if not _has(table, details["loc"]) and _has(defaults, details["loc"])
        else ("stacks", stack)
    )
    place = ".".join(str(part) for part in (*where, *details["loc"]))
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        message = "unknown key"
    elif details["type"] == "missing":
        message = "is required"
    given = details.get("input")
    shown = (
        f" (it is {given!r})"
        if isinstance(given, str | int | float) and details["type"] != "extra_forbidden"
        else ""
    )
    return f"{place}: {message}{shown}"
