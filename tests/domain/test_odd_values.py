"""Values from outside that once broke something: each is read, or refused with its reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from domain import capacity, names, retention, rollback, stacks_file, tags
from domain.bounded import LONGEST_ERROR
from domain.calendar import moment_of
from domain.errors import AwsRefused, InvalidConfiguration
from domain.models import Image
from domain.sections import Seconds
from tests.domain.test_total import tagged
from workflows.failures import describe


@pytest.mark.parametrize(
    "words",
    [
        "9999-12-31T23:59:00+00:00",
        "9999-12-31T23:59:00-14:00",
        "0001-01-01T00:00:00+14:00",
        "2028-01-01T00:00:00+00:00",
    ],
)
def test_no_moment_is_further_away_than_a_year(words: str) -> None:
    with pytest.raises(ValueError, match=r"a year away|no moment"):
        moment_of(words, datetime(2026, 11, 26, tzinfo=UTC))


@pytest.mark.parametrize("document", ['[stacks]\ndemo = ""', 'defaults = ""\n[stacks.demo]'])
def test_what_must_be_a_table_is_named_where_it_is_none(document: str) -> None:
    with pytest.raises(InvalidConfiguration, match=r"(stacks\.demo|defaults): it must be a table"):
        stacks_file.parse(document)


@pytest.mark.parametrize("seconds", [1e300, float("inf"), float("nan"), 315_360_001, -1])
def test_no_wait_is_longer_than_can_be_reckoned_with(seconds: float) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Seconds).validate_python(seconds)


def test_an_error_carries_its_beginning_and_its_end() -> None:
    words = str(AwsRefused("AWS refused " + "x" * 100_000 + " at last"))

    assert len(words) <= LONGEST_ERROR
    assert words.startswith("AWS refused x")
    assert "100020 characters, shortened" in words
    assert words.endswith("x at last")


@pytest.mark.parametrize("words", ["²", "abc", "-1", "", "1e3", "٣", "9" * 5_000])
def test_a_tag_that_is_no_number_says_nothing(words: str) -> None:
    found = {names.RESTORE_MIN: words}

    assert tags.size_tag(found, names.RESTORE_MIN) is None
    assert capacity.own_minimum(tagged("one", found).group) == 2


@pytest.mark.parametrize("words", ["10 days ago", "yesterday", "²"])
def test_a_time_that_nobody_can_read_is_no_reason_to_prune_or_to_go_back_there(words: str) -> None:
    ours = [tagged(f"v{day}", {names.SERVED_AT: f"2026-01-0{day}T00:00:00Z"}) for day in (1, 2, 3)]
    odd_one = tagged("odd", {names.SERVED_AT: words})

    assert retention.to_prune([*ours, odd_one], 2) == ours[:1]
    images = [Image(id=d.name, name=d.name) for d in (*ours, odd_one)]
    board = rollback.candidates([*ours, odd_one], images)
    assert [candidate.deployment for candidate in board] == ["v3", "v2", "v1", "odd"]


def test_the_words_of_a_bug_are_shortened_too() -> None:
    assert len(describe(ValueError("x" * 100_000))) <= LONGEST_ERROR
