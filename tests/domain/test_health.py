"""Green is healthy when the same instances were healthy everywhere, N reads in a row."""

from hypothesis import given
from hypothesis import strategies as st

from domain.health import Healthy, NotYet, Seen, Unhealthy, health_of, judge, still_healthy
from domain.models import Group
from tests.domain.worlds import ARNS, group, instance


def verdict(
    *reads: Group | None, waited: float = 1, needed: int = 2, may_lose: int = 0
) -> Healthy | NotYet | Unhealthy:
    seen = Seen()
    for read in reads:
        if read:
            seen = seen.with_read(health_of(read))
    return judge(reads[-1], seen, waited=waited, timeout=60, reads=needed, may_lose=may_lose)


GOOD = group(instance(1), instance(2))


def test_healthy_after_n_reads_in_a_row_with_the_same_instances() -> None:
    assert isinstance(verdict(GOOD), NotYet)
    assert verdict(GOOD, GOOD) == Healthy()


def test_a_bad_read_in_between_starts_the_count_again() -> None:
    bad = group(instance(1), instance(2, "unhealthy"))

    assert isinstance(verdict(GOOD, bad, GOOD), NotYet)
    assert verdict(GOOD, bad, GOOD, GOOD) == Healthy()


def test_other_instances_start_the_count_again() -> None:
    others = group(instance(1), instance(3))

    assert isinstance(verdict(GOOD, others, may_lose=1), NotYet)


def test_in_service_alone_is_not_healthy() -> None:
    assert isinstance(verdict(*[group(instance(1, "initial"), instance(2, "initial"))] * 3), NotYet)


def test_healthy_in_one_target_group_only_is_not_healthy() -> None:
    half = instance(2).model_copy(update={"targets": {ARNS[0]: instance(2).targets[ARNS[0]]}})

    assert isinstance(verdict(*[group(instance(1), half)] * 3), NotYet)


def test_what_boots_and_does_not_stay_halts_the_release() -> None:
    result = verdict(GOOD, group(instance(1), instance(3)))

    assert isinstance(result, Unhealthy)
    assert "i-2" in result.reason


def test_a_failed_launch_is_told_in_aws_own_words() -> None:
    words = "We currently do not have sufficient t3.micro capacity"
    result = verdict(group(desired=2, failures=(words,)))

    assert isinstance(result, NotYet)
    assert words in result.reason


def test_patience_ends() -> None:
    result = verdict(
        group(instance(1), instance(2, "unhealthy", reason="Target.Timeout")), waited=61
    )

    assert isinstance(result, Unhealthy)
    assert "Target.Timeout" in result.reason


def test_a_target_group_on_no_listener_is_said_at_once() -> None:
    result = verdict(group(instance(1, "unused", reason="Target.NotInUse"), desired=1))

    assert isinstance(result, Unhealthy)
    assert "no listener" in result.reason


def test_a_group_that_somebody_deleted_is_unhealthy() -> None:
    assert isinstance(judge(None, Seen(found=True), waited=1, timeout=900, reads=2), Unhealthy)


def test_a_group_that_was_never_seen_may_not_be_visible_yet() -> None:
    """AWS's lists may miss what was made a moment ago."""
    assert isinstance(judge(None, Seen(), waited=1, timeout=900, reads=2), NotYet)
    assert isinstance(judge(None, Seen(), waited=901, timeout=900, reads=2), Unhealthy)
    assert isinstance(still_healthy(None, 1, may_lose=0, lacking=0, timeout=60), Unhealthy)


@given(
    st.lists(
        st.lists(
            st.sampled_from(["healthy", "initial", "unhealthy", "draining"]), min_size=0, max_size=4
        ),
        min_size=1,
        max_size=6,
    )
)
def test_never_healthy_unless_the_last_reads_were_all_complete(states: list[list[str]]) -> None:
    reads = [
        group(*(instance(n, state) for n, state in enumerate(read)), desired=3) for read in states
    ]
    result = verdict(*reads, may_lose=100)
    complete = [read.count("healthy") >= 3 and set(read) == {"healthy"} for read in states]

    if isinstance(result, Healthy):
        assert complete[-2:] == [True, True]
    elif len(states) >= 2 and states[-1] == states[-2]:
        assert complete[-1] is False


@given(st.integers(0, 5), st.integers(0, 7), st.integers(0, 2), st.sampled_from([0, 59, 61]))
def test_while_it_serves_it_may_lack_may_lose_and_one_more_until_aws_has_replaced_it(
    healthy: int, verified: int, may_lose: int, lacking: int
) -> None:
    """But never all of it."""
    members = [instance(n) for n in range(healthy)] + [instance(9, "unhealthy")]
    result = still_healthy(
        group(*members, desired=5), verified, may_lose=may_lose, lacking=lacking, timeout=60
    )

    missing = min(verified, 5) - healthy
    if missing <= may_lose and (healthy or not verified):
        assert isinstance(result, Healthy)
    elif missing == may_lose + 1 and healthy and lacking < 60:
        assert isinstance(result, NotYet)
    else:
        assert isinstance(result, Unhealthy)


@given(st.lists(st.tuples(st.integers(1, 8), st.booleans()), max_size=6), st.integers(0, 20))
def test_a_mixed_group_is_complete_by_weight_and_only_with_every_instance_healthy(
    members: list[tuple[int, bool]], desired: int
) -> None:
    made = [
        instance(n, "healthy" if fit else "unhealthy").model_copy(update={"weight": weight})
        for n, (weight, fit) in enumerate(members)
    ]
    read = group(*made, desired=desired)

    whole = all(fit for _, fit in members) and sum(weight for weight, _ in members) >= desired
    assert (verdict(read, read) == Healthy()) is whole


def test_nobody_at_all_is_never_healthy_whatever_size_somebody_gave_it() -> None:
    """Office hours set it to zero while it serves alone."""
    empty = still_healthy(group(desired=0), 3, may_lose=0, lacking=0, timeout=60)
    allowed = still_healthy(group(desired=2), 2, may_lose=2, lacking=0, timeout=60)

    assert isinstance(empty, Unhealthy)
    assert isinstance(allowed, Unhealthy)
