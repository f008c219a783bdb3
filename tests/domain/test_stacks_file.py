"""Mistakes in the stacks file as a whole: each is told once, at its place."""

from __future__ import annotations

import pytest

from domain.errors import InvalidConfiguration
from domain.stacks_file import parse
from tests.domain.test_config import ABROAD, GOOD, mistakes


def test_a_table_with_both_names_of_its_timeouts_is_a_mistake() -> None:
    both = "[stacks.production.patience]\nsoak = 2\n[stacks.production.timeouts]\nsoak = 3\n"

    assert mistakes(GOOD + both) == ["  - stacks.production.patience: unknown key"]


@pytest.mark.parametrize("stacks", ["", "stacks = 3\n", "stacks = []\n", "[stacks]\n"])
def test_a_file_without_stacks_says_so_beside_its_other_mistakes(stacks: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse(stacks, "stacks.toml")
    assert str(caught.value) == (
        "stacks.toml has 1 mistake:\n  - stacks: at least one [stacks.<name>] is needed"
    )

    assert mistakes("defaults = 3\nmore = 1\n" + stacks) == [
        "  - more: unknown table; the file holds [defaults] and [stacks.<name>]",
        "  - stacks: at least one [stacks.<name>] is needed",
        "  - defaults: it must be a table, [defaults]",
    ]


def test_what_is_nested_too_deep_to_be_read_is_no_toml() -> None:
    with pytest.raises(InvalidConfiguration, match="is not valid TOML"):
        parse("a = " + "[" * 100_000)


def test_a_mistake_is_reported_where_it_was_written_and_once() -> None:
    of_all = mistakes(GOOD.replace('subnets = ["subnet-1"]', "subnets = [1]"))
    of_one = mistakes(GOOD.replace('subnets = ["subnet-2"]', "subnets = [2]"))

    assert len(of_all) == len(of_one) == 2
    assert all(line.startswith("  - defaults.network.subnets") for line in of_all)
    assert all(line.startswith("  - stacks.internal.network.subnets") for line in of_one)


def test_what_is_wrong_with_the_maker_of_images_is_told_once() -> None:
    wrong = GOOD.replace("capacity = { min = 2, max = 8 }", "capacity = { min = 2, max = 1 }")

    assert all(line.startswith("  - stacks.production.") for line in mistakes(wrong + ABROAD))
