"""Rules with an oracle of their own: what stays whatever its age, and what counts as slow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.config import Watch
from domain.health import Unhealthy
from domain.models import Deployment, Group, State
from domain.retention import judge_deployments, to_prune
from domain.watch import Counted, Watched, judge

SECONDS = st.floats(0.001, 5)
COUNTS = st.integers(0, 300)


@st.composite
def parked(draw: st.DrawFn, number: int) -> Deployment:
    """It served once, and may still, or again, be of use to somebody."""
    running = draw(st.booleans())
    attached = draw(st.booleans())
    return Deployment(
        name=f"d{number}",
        tag=f"v{number}",
        state=draw(st.sampled_from([State.PARKED, State.SERVING, None])),
        served_at=f"2026-11-{number + 1:02}",
        group=Group(
            name=f"d{number}",
            min=0,
            max=9,
            desired=draw(st.integers(0, 1)),
            instances=int(running),
            target_groups=("arn:of-somebody",) if attached else (),
        ),
    )


DEPLOYMENTS = st.integers(0, 8).flatmap(
    lambda count: st.tuples(*(parked(number) for number in range(count)))
)


@given(DEPLOYMENTS, st.integers(2, 4))
def test_what_is_pruned_serves_nobody_and_could_serve_nobody(
    deployments: tuple[Deployment, ...], keep: int
) -> None:
    """Attached, with an instance, or with a size, it would answer somebody's requests."""
    pruned = to_prune(deployments, keep)

    oldest = deployments[: max(0, len(deployments) - keep)]
    idle = [
        d
        for d in oldest
        if (d.group.desired, d.group.instances, d.group.target_groups) == (0, 0, ())
    ]
    assert pruned == [d for d in idle if d.state is not State.SERVING]


@given(DEPLOYMENTS, st.integers(2, 4), st.sampled_from(["yesterday", "2026-13-01", "\x00"]))
def test_one_whose_time_nobody_can_read_stays_and_takes_no_place_of_the_last_ones(
    deployments: tuple[Deployment, ...], keep: int, served_at: str
) -> None:
    unreadable = Deployment(
        name="x", tag="x", served_at=served_at, group=Group(name="x", min=0, max=0, desired=0)
    )

    assert to_prune([unreadable, *deployments], keep) == to_prune(deployments, keep)
    verdicts = judge_deployments([unreadable, *deployments], keep, "eu-west-1")
    going = {verdict.name for verdict in verdicts if verdict.verdict == "goes"}
    assert going == {deployment.name for deployment in to_prune(deployments, keep)}
    assert [v.why for v in verdicts if v.name == "x" and "is not a time" not in v.why] == []


def test_times_in_several_zones_are_compared_as_moments() -> None:
    parked = Group(name="x", min=0, max=0, desired=0)
    served = [
        Deployment(name=at, tag="v", state=State.PARKED, served_at=at, group=parked)
        for at in ("2026-11-01T10:00:00+02:00", "2026-11-01T09:00:00Z", "2026-11-01T08:30:00")
    ]

    assert [d.name for d in to_prune(served, 1)] == [
        "2026-11-01T10:00:00+02:00",
        "2026-11-01T08:30:00",
    ]


@given(SECONDS, SECONDS, COUNTS, COUNTS)
def test_a_ratio_of_latencies_counts_only_above_the_floor_and_with_enough_requests(
    ours: float, theirs: float, green: int, blue: int
) -> None:
    """A twentieth of a second is fast, however much faster blue is; a few requests are no rate."""
    seen = Watched(
        green=Counted(requests=green, latency=ours), blue=Counted(requests=blue, latency=theirs)
    )

    verdict = judge(seen, Watch(latency_ratio=2, requests=100))

    enough = green >= 100 and blue >= 100
    assert isinstance(verdict, Unhealthy) is (enough and ours > 0.05 and ours > 2 * theirs)


@given(SECONDS, COUNTS)
def test_a_latency_counts_against_its_limit_only_with_enough_requests(
    ours: float, green: int
) -> None:
    seen = Watched(green=Counted(requests=green, latency=ours))

    verdict = judge(seen, Watch(latency=0.5, requests=100))

    assert isinstance(verdict, Unhealthy) is (green >= 100 and ours > 0.5)


def test_the_floor_is_reached_by_what_is_twice_as_slow_and_still_fast() -> None:
    """So that the property above is not left to chance."""
    blue = Counted(requests=1_000, latency=0.004)
    watch = Watch(latency_ratio=2, requests=100)

    assert not isinstance(
        judge(Watched(green=Counted(requests=100, latency=0.05), blue=blue), watch), Unhealthy
    )
    assert isinstance(
        judge(Watched(green=Counted(requests=100, latency=0.051), blue=blue), watch), Unhealthy
    )
