"""What is remembered from read to read, which days a window has, and names that stay apart."""

from __future__ import annotations

import pytest

from domain import names
from domain.calendar import DAYS, parse_window
from domain.config import Timeouts
from domain.health import Healthy, NotYet, Seen, Unhealthy, health_of, judge
from tests.domain.worlds import group, instance

GOOD = group(instance(1), instance(2))


def test_three_reads_in_a_row_are_three() -> None:
    seen, verdicts = Seen(), []
    for _ in range(3):
        seen = seen.with_read(health_of(GOOD))
        verdicts.append(judge(GOOD, seen, waited=1, timeout=60, reads=3))

    assert [type(verdict) for verdict in verdicts] == [NotYet, NotYet, Healthy]


def test_an_instance_that_was_lost_is_not_forgotten() -> None:
    after = group(instance(1), instance(3))
    seen = Seen().with_read(health_of(GOOD))
    for _ in range(3):
        seen = seen.with_read(health_of(after))

    assert seen.lost == {"i-2"}
    assert isinstance(judge(after, seen, waited=1, timeout=60, reads=2), Unhealthy)


def test_an_instance_that_was_leaving_when_it_was_first_seen_counts_as_lost_for_good() -> None:
    leaving = group(instance(1), instance(2), instance(3, lifecycle="Terminating"))

    assert Seen().with_read(health_of(leaving)).with_read(health_of(GOOD)).lost == {"i-3"}


def test_a_group_that_was_seen_and_is_gone_was_deleted() -> None:
    seen = Seen().with_read(health_of(GOOD))

    assert isinstance(judge(None, seen, waited=1, timeout=60, reads=2), Unhealthy)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Tue-Thu 06:00-07:00", ["Tue", "Wed", "Thu"]),
        ("Sat-Mon 06:00-07:00", ["Mon", "Sat", "Sun"]),
        ("Wed 06:00-07:00", ["Wed"]),
        ("06:00-07:00", list(DAYS)),
    ],
)
def test_a_window_has_the_days_from_its_first_to_its_last(text: str, days: list[str]) -> None:
    assert [DAYS[day] for day in sorted(parse_window(text)[0])] == days


def test_a_window_that_ends_as_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it begins"):
        parse_window("06:00-06:00")


def test_a_long_wait_is_polled_a_thousand_times_and_a_short_one_at_the_configured_pace() -> None:
    timeouts = Timeouts(poll=5)

    assert [timeouts.poll_interval(wait) for wait in (60, 5_000, 20_000)] == [5, 5, 20]


def test_each_part_of_a_name_tells_it_from_another() -> None:
    """Also where the slugs are the same."""
    deployments = {
        names.deployment(*parts)
        for parts in (("a", "v1", "r"), ("a+", "v1", "r"), ("a", "v1", "s"), ("a", "v1/", "r"))
    }
    images = {
        names.image(*parts)
        for parts in (("a", "v1", "k"), ("a.", "v1", "k"), ("a", "v1", "l"), ("a", "v1/", "k"))
    }

    assert len(deployments) == len(images) == 4


def test_a_name_shows_what_it_is_of_and_a_long_tag_is_cut_to_fit_exactly() -> None:
    short, long = names.deployment("shop", "v1.2", "r"), names.deployment("shop", "v" * 200, "r")

    assert short.startswith("shop-v1.2-")
    assert names.image("shop", "v1.2", "k").startswith("ovenbird/shop-v1.2-")
    assert long.startswith("shop-vvv")
    assert len(long) == len(names.image("shop", "v" * 200, "k")) == 128
