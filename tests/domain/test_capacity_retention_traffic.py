"""Capacity is never lost, the last good one is never pruned, and shares add up."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import capacity, traffic
from domain.errors import AlreadyServing, Conflict
from domain.group_settings import Capacity
from domain.health import Healthy, NotYet, Unhealthy
from domain.images import BakeIdentity, reusable
from domain.live import find_blue, refuse_what_serves
from domain.models import Deployment, Group, Image, State, TargetState
from domain.retention import in_the_way, in_use, to_prune
from tests.domain.worlds import deployment, images_to_prune

SIZES = st.integers(0, 50)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@given(SIZES, SIZES, SIZES)
def test_green_is_never_smaller_than_blue_nor_than_the_minimum(
    blue: int, least: int, most: int
) -> None:
    settings = Capacity(min=min(least, most), max=max(least, most, 1))
    size = capacity.needed(Group(name="b", min=0, max=99, desired=blue), settings)
    low, high = capacity.bounds(size, settings)

    assert size >= blue
    assert size >= settings.min
    assert low == size <= high


def test_a_first_deployment_has_the_size_that_the_stack_asks_for() -> None:
    assert capacity.needed(None, Capacity(min=2, max=8, desired=5)) == 5
    assert capacity.needed(None, Capacity(min=2, max=8)) == 2
    assert capacity.needed(None, Capacity(min=0, max=8, desired=0)) == 0


@pytest.mark.parametrize(
    ("theirs", "mine", "least", "refused"),
    [
        ({}, {"m6i.large": 1}, 2, False),
        ({}, {"m6i.large": 2}, 2, True),
        ({}, {"m6i.large": 2}, 12, False),
        ({"m6i.large": 1}, {"m6i.large": 2, "m6a.large": 1}, 2, True),
        ({"m6i.large": 4}, {"m6i.large": 2}, 2, False),
        ({"c7g.large": 1}, {"m6i.large": 8}, 2, False),
    ],
)
def test_weights_that_would_make_green_smaller_than_blue_are_refused(
    theirs: dict[str, int], mine: dict[str, int], least: int, refused: bool
) -> None:
    blue = deployment("v1", desired=6)
    blue = blue.model_copy(update={"group": blue.group.model_copy(update={"weights": theirs})})
    if not refused:
        capacity.refuse_other_units(blue, mine, Capacity(min=least, max=20))
        return
    with pytest.raises(Conflict, match=r"Set capacity\.min to 12"):
        capacity.refuse_other_units(blue, mine, Capacity(min=least, max=20))


MANY = st.lists(
    st.tuples(st.booleans(), st.sampled_from([None, *State]), st.integers(0, 2)), max_size=12
).map(
    lambda rows: [
        deployment(
            f"d{n}", served_at=f"2026-11-{n + 1:02}" if served else "", state=state, desired=desired
        )
        for n, (served, state, desired) in enumerate(rows)
    ]
)


@given(MANY, st.integers(2, 6))
def test_prune_never_takes_what_is_in_use_never_served_or_among_the_last(
    deployments: list[Deployment], keep: int
) -> None:
    doomed = to_prune(deployments, keep)
    served = sorted(
        (d for d in deployments if d.served_at), key=lambda d: d.served_at, reverse=True
    )

    assert not [d for d in doomed if in_use(d) or not d.served_at or d in served[:keep]]
    assert [d for d in served[keep:] if not in_use(d)] == list(reversed(doomed))


def test_failed_releases_do_not_push_out_good_ones() -> None:
    good = [deployment(f"good{n}", served_at=f"2026-11-0{n}") for n in range(1, 6)]
    bad = [deployment(f"bad{n}", state=None) for n in range(9)]

    assert to_prune(good + bad, 5) == []


def test_an_image_goes_with_its_deployment_but_not_while_another_needs_it() -> None:
    images = [
        Image(id="ami-1", name="1", commit="a", created_at=NOW.isoformat()),
        Image(id="ami-2", name="2", commit="b"),
    ]
    old, kept = deployment("old", commit="a"), deployment("kept", commit="b")

    assert images_to_prune(images, [kept], [old], now=NOW, unreleased=timedelta(days=14)) == [
        images[0]
    ]
    assert (
        images_to_prune(
            images,
            [kept, deployment("also", commit="a")],
            [old],
            now=NOW,
            unreleased=timedelta(days=14),
        )
        == []
    )


def test_an_image_that_nobody_released_goes_after_its_days_and_one_of_unknown_age_stays() -> None:
    fresh = Image(
        id="ami-1", name="1", commit="a", created_at=(NOW - timedelta(days=13)).isoformat()
    )
    stale = Image(
        id="ami-2", name="2", commit="b", created_at=(NOW - timedelta(days=15)).isoformat()
    )
    unknown = Image(id="ami-3", name="3", commit="c", created_at="")

    assert images_to_prune(
        [fresh, stale, unknown], [], [], now=NOW, unreleased=timedelta(days=14)
    ) == [stale]


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 1000), max_size=5))
def test_shares_add_up_to_100_or_to_nothing(healthy: dict[str, int]) -> None:
    shares = traffic.shares(healthy)

    assert sum(shares.values()) == (100 if sum(healthy.values()) else 0)
    assert all(shares[name] == 0 for name, count in healthy.items() if not count)


@given(
    st.sets(st.sampled_from(["i-1", "i-2", "i-3"])),
    st.dictionaries(
        st.sampled_from(["i-1", "i-2", "i-3"]), st.sampled_from(["draining", "healthy", "unused"])
    ),
)
def test_drained_only_when_no_target_group_knows_any_instance(
    leaving: set[str], states: dict[str, str]
) -> None:
    targets = {"arn": {name: TargetState(state=state) for name, state in states.items()}}
    drain = traffic.drain_of(leaving, set(), targets)
    result = traffic.judge_drain(drain, waited=1, timeout=60)
    left = {name for name in leaving if states.get(name, "unused") != "unused"}

    assert result == Healthy() if not left else isinstance(result, NotYet)
    assert isinstance(
        traffic.judge_drain(drain, waited=61, timeout=60),
        Healthy if not left else Unhealthy,
    )


def test_two_groups_that_claim_to_serve_are_refused_by_name() -> None:
    with pytest.raises(Conflict, match="one, two"):
        find_blue(
            "shop", [deployment("two", state=State.SERVING), deployment("one", state=State.SERVING)]
        )


def test_what_serves_already_is_refused_unless_forced() -> None:
    blue = deployment("v1", state=State.SERVING, commit="abc")
    with pytest.raises(AlreadyServing):
        refuse_what_serves(blue, "v1", "abc", force=False)

    refuse_what_serves(blue, "v1", "abc", force=True)
    refuse_what_serves(blue, "v2", "def", force=False)


def test_an_image_is_reused_for_the_same_commit_base_and_recipe_only() -> None:
    identity = BakeIdentity(
        application="shop",
        tag="v1",
        commit="c",
        base_image="ami-b",
        recipe="r",
        builder="native",
        architecture="x86_64",
        account="1",
        region="x",
    )
    fitting = Image(id="ami-1", name="n", commit="c", base_image="ami-b", recipe="r")

    assert reusable([fitting], identity) == fitting
    for change in (
        {"commit": "d"},
        {"base_image": "ami-c"},
        {"recipe": "s"},
        {"state": "pending"},
        {"state": "failed"},
    ):
        assert reusable([fitting.model_copy(update=change)], identity) is None


def test_what_is_used_or_protected_by_somebody_stays_and_says_why() -> None:
    image = Image(id="ami-1", name="one")

    assert in_the_way(image, ()) == ""
    assert (
        in_the_way(
            image, ("instance i-1", "instance i-1", "instance i-2", "instance i-3", "instance i-4")
        )
        == "it is used by instance i-1, instance i-2, instance i-3"
    )
    assert in_the_way(image.model_copy(update={"protection": "ours"}), ()) == ""
    assert "somebody protects it" in in_the_way(
        image.model_copy(update={"protection": "foreign"}), ()
    )


def test_what_is_shared_goes_by_its_age() -> None:
    """Who uses it in another account is not seen from here."""
    old = Image(
        id="ami-1",
        name="one",
        commit="gone",
        created_at="2026-01-01T00:00:00Z",
        shared_with=("210987654321",),
    )
    now = datetime(2026, 2, 1, tzinfo=UTC)

    def prune(shared: int, image: Image = old) -> list[Image]:
        return images_to_prune(
            [image], [], [], now=now, unreleased=timedelta(days=14), shared=timedelta(days=shared)
        )

    assert (prune(90), prune(20)) == ([], [old])
    disabled = old.model_copy(update={"state": "disabled"})
    assert prune(90, disabled) == [disabled]
