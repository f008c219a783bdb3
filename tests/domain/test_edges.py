"""Where a rule turns: the last moment, the newest of several, one more than may go."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import names, sweep, sweep_plausible, watch
from domain.calendar import moment_of, opens_at
from domain.config import Watch
from domain.errors import InvalidRequest
from domain.health import Unhealthy
from domain.images import BakeIdentity, made
from domain.live import find_blue, unmarked
from domain.models import Deployment, Image, State, TargetState
from domain.rollback import candidates, choose
from domain.traffic import Rule, drain_of, judge_drain, routing
from domain.watch import Counted, Watched, judge
from tests.domain.worlds import deployment, images_to_prune

MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)


def tagged(made_of: Deployment, **tags: str) -> Deployment:
    group = made_of.group.model_copy(update={"tags": tags})
    return made_of.model_copy(update={"group": group})


def image(number: int, commit: str = "c", **more: str) -> Image:
    made_at = f"2026-11-{number:02}T00:00:00Z"
    return Image(id=f"ami-{number}", name=f"n{number}", commit=commit, created_at=made_at, **more)


def test_a_freeze_holds_from_its_first_moment_and_an_approval_is_good_at_its_own() -> None:
    until = MONDAY + timedelta(days=1)

    assert opens_at(MONDAY, [], [(MONDAY, until)]) == until
    assert moment_of("06:00", MONDAY) == MONDAY


def test_what_serves_is_blue_and_without_it_there_is_none() -> None:
    serving = deployment("v2", state=State.SERVING)

    assert find_blue("shop", [deployment("v1"), serving]) == serving
    assert find_blue("shop", [deployment("v1")]) is None


def test_the_newest_image_of_several_is_used() -> None:
    identity = BakeIdentity(
        application="shop",
        tag="v1",
        commit="c",
        base_image="",
        recipe="",
        builder="native",
        architecture="x86_64",
        account="1",
        region="x",
    )

    assert made([image(8), image(9), image(7)], identity) == image(9)


def test_an_image_that_a_prune_disabled_goes_however_young_and_unshared_it_is() -> None:
    disabled = image(22, state="disabled")
    now = datetime(2026, 11, 23, tzinfo=UTC)

    assert images_to_prune([disabled], [], [], now=now, unreleased=timedelta(days=14)) == [disabled]


KEPT = [
    deployment("v3", served_at="2026-11-03", state=State.SERVING, desired=2),
    tagged(deployment("v2", served_at="2026-11-02"), **{names.CONTRACTION: "yes"}),
    deployment("v1", served_at="2026-11-01"),
]
IMAGES = [image(1, "v1"), image(5, "v1"), image(2, "v2"), image(3, "v3"), image(4, "v0")]


def test_what_served_before_a_contraction_is_blocked_unless_it_is_forced() -> None:
    blocked = {c.tag: c.blocked for c in candidates(KEPT, IMAGES)}
    forced = {c.tag: c.blocked for c in candidates(KEPT, IMAGES, force=True)}

    words = "v2 took away from the database what it needs; force it if you know better"
    assert blocked == {"v3": "it serves", "v2": "", "v1": words, "": words}
    assert forced == {"v3": "it serves", "v2": "", "v1": "", "": ""}


def test_the_nearest_contraction_that_stands_in_the_way_is_named() -> None:
    newest = tagged(deployment("v3", served_at="2026-11-03"), **{names.CONTRACTION: "yes"})

    board = candidates([newest, *KEPT[1:]], IMAGES)

    assert [c.blocked[:2] for c in board] == ["", "v3", "v2", "v2"]


def test_a_candidate_has_the_newest_image_of_its_commit_and_when_it_served() -> None:
    board = candidates(KEPT, [*IMAGES, image(6, "v9"), image(7, "v9")])

    assert [(c.commit, c.image, c.served_at) for c in board] == [
        ("v3", "ami-3", "2026-11-03"),
        ("v2", "ami-2", "2026-11-02"),
        ("v1", "ami-5", "2026-11-01"),
        ("v9", "ami-7", ""),
        ("v0", "ami-4", ""),
    ]


def test_where_the_previous_one_is_blocked_none_is_chosen_in_its_place() -> None:
    """An older one than the person expects must be named by them."""
    woken = tagged(deployment("v2", served_at="2026-11-02"), **{names.WOKEN_BY: "release-x"})

    with pytest.raises(InvalidRequest, match="release-x woke it"):
        choose("shop", candidates([KEPT[0], woken, KEPT[2]], IMAGES), None)


def test_an_adopted_deployment_needs_no_image_of_ours() -> None:
    adopted = tagged(deployment("v2", served_at="2026-11-02"), **{names.ADOPTED: "somebody"})

    assert choose("shop", candidates([KEPT[0], adopted], []), None).deployment == "v2"


def templates(*found: str) -> tuple[sweep.Owned, ...]:
    return tuple(
        sweep.Owned(kind="launch template", id=name, name=name, release="gone") for name in found
    )


@pytest.mark.parametrize(
    ("left", "share", "refused"), [(1, 0.1, False), (2, 0.1, True), (2, 0.5, False), (3, 0.5, True)]
)
def test_a_sweep_takes_no_more_than_its_share_of_groups_and_templates(
    left: int, share: float, refused: bool
) -> None:
    """Of four: the one that serves and has its template, and templates that nothing uses."""
    serving = deployment("v1", served_at="2026-11-01", state=State.SERVING)
    kept = [deployment(f"k{n}", served_at="2026-10-01") for n in range(3 - left)]
    found = sweep.Inventory(
        deployments=(serving, *kept), owned=templates("v1", *(f"t{n}" for n in range(left)))
    )
    findings = sweep.find(found, ())

    assert len([f for f in findings if f.action == "remove template"]) == left
    assert bool(sweep_plausible.looks_wrong(found, findings, share)) is refused


def test_one_template_without_a_group_is_plausible() -> None:
    found = sweep.Inventory(owned=templates("t1"))

    assert sweep_plausible.looks_wrong(found, (), 0.5) == ""


def test_a_drain_is_late_when_its_time_is_over_and_says_who_is_left() -> None:
    states = {"arn": {"i-1": TargetState(state="draining")}}

    late = judge_drain(drain_of({"i-1"}, set(), states), waited=60, timeout=60)

    assert late == Unhealthy("after 60 s 1 still draining (i-1)")


def test_the_rules_of_the_preview_are_kept_apart_from_those_with_traffic() -> None:
    pair = ("arn:one", "arn:two")
    main = Rule(arn="main", listener="l", default=True, weights={"arn:one": 100, "arn:two": 0})
    preview = Rule(arn="preview", listener="l", default=False, weights={"arn:one": 1})

    wired = routing("shop", [main, preview], pair, ("preview",), None)

    assert (wired.rules, wired.preview) == ((main,), (preview,))


def test_the_commands_for_what_serves_unmarked_name_its_own_target_groups_alone() -> None:
    alone = deployment("v1")
    group = alone.group.model_copy(update={"target_groups": ("one", "of-somebody")})

    words = unmarked(alone.model_copy(update={"group": group}), ["one", "two"])

    assert "Value=serving,PropagateAtLaunch=false;" in words
    assert "--target-group-arns one, then sweep" in words


def test_commands_by_hand_name_target_groups_and_balancers_apart() -> None:
    assert names.membership_by_hand("attach", "v1", ["two", "classic/old", "one"]) == (
        "aws autoscaling attach-load-balancer-target-groups --auto-scaling-group-name v1 "
        "--target-group-arns one two; aws autoscaling attach-load-balancers "
        "--auto-scaling-group-name v1 --load-balancer-names old"
    )


def test_two_bakes_share_neither_a_security_group_nor_an_owner_however_long_the_tag() -> None:
    long = "w" * 300

    assert names.bake_security_group("a+b", "r") != names.bake_security_group("a-b", "r")
    assert names.bake_security_group("a", "r") != names.bake_security_group("a", "s")
    assert names.owner(long, "run") != names.owner(long + "w", "run")
    assert names.owner(long, "run") != names.owner(long, "other")
    assert names.owner("release-shop", "a:b") == "release-shop/a:b"


@given(st.integers(3, 2_000), st.integers(0, 20_000))
def test_the_least_error_rate_is_where_the_count_is_just_not_surprising(
    errors: int, answered: int
) -> None:
    """Of that rate, the count is 1.96 standard deviations above what it would give on average."""
    requests = errors + answered

    rate = watch.at_least(errors, requests)

    deviation = math.sqrt(requests * rate * (1 - rate))
    assert errors == pytest.approx(requests * rate + 1.96 * deviation, rel=1e-6)


def test_blue_counts_from_as_many_requests_as_green_does() -> None:
    seen = Watched(green=Counted(requests=200, errors=40), blue=Counted(requests=50))

    assert isinstance(judge(seen, Watch(error_ratio=2, requests=50)), Unhealthy)
