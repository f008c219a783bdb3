"""Which target group gets the traffic, and is what users get good enough?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import watch
from domain.config import Watch
from domain.errors import Conflict
from domain.health import Healthy, Unhealthy
from domain.models import Group, State
from domain.sweep import Inventory, home
from domain.traffic import Rule, routing
from domain.watch import Counted, Inconclusive, Red, Watched, count, judge, red, still_red
from tests.domain.worlds import deployment

PAIR = ("arn:one", "arn:two")


def rule(one: int, two: int, arn: str = "arn:rule") -> Rule:
    return Rule(
        arn=arn, listener="arn:listener", default=False, weights={"arn:one": one, "arn:two": two}
    )


def in_target_group(arn: str) -> Group:
    return Group(name="blue", min=1, max=4, desired=2, target_groups=(arn,))


def test_green_joins_the_target_group_without_traffic() -> None:
    blue = deployment("blue").model_copy(update={"group": in_target_group("arn:two")})
    wired = routing("shop", [rule(0, 100), rule(0, 7, "arn:other")], PAIR, (), blue)

    assert (wired.live, wired.idle, len(wired.rules)) == ("arn:two", "arn:one", 2)


def test_a_first_deployment_joins_the_one_with_the_traffic() -> None:
    assert routing("shop", [rule(100, 0)], PAIR, (), None).idle == "arn:one"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([], "no listener rule forwards"),
        ([rule(50, 50)], "^both target groups get traffic"),
        ([rule(100, 0), rule(0, 100)], "^not the same target group gets the traffic of every"),
        ([rule(0, 0)], "^neither of the two target groups gets traffic"),
        ([rule(0, 0), rule(100, 0)], "^neither of the two target groups gets the traffic of some"),
        (
            [Rule(arn="arn:x", listener="l", default=False, weights={"arn:one": 1})],
            "forwards to one of the two",
        ),
        ([rule(0, 100)], "goes to arn:two, in which it is not"),
    ],
)
def test_what_cannot_be_told_is_refused(rules: list[Rule], words: str) -> None:
    blue = deployment("blue").model_copy(update={"group": in_target_group("arn:one")})

    with pytest.raises(Conflict, match=words):
        routing("shop", rules, PAIR, (), blue)


def test_a_preview_that_is_none_is_refused() -> None:
    with pytest.raises(Conflict, match="preview rules arn:preview"):
        routing("shop", [rule(100, 0)], PAIR, ("arn:preview",), None)


def test_the_traffic_belongs_to_what_serves_or_to_where_nobody_else_is() -> None:
    serving = deployment("serving", state=State.SERVING)
    attached = serving.model_copy(
        update={"group": serving.group.model_copy(update={"target_groups": ("arn:two",)})}
    )
    left = serving.model_copy(
        update={"group": serving.group.model_copy(update={"target_groups": ()})}
    )
    green = deployment("green", state=None).model_copy(update={"group": in_target_group("arn:one")})

    assert (
        home(Inventory(deployments=(attached, green), target_groups=PAIR, rules=(rule(50, 50),)))
        == "arn:two"
    )
    assert (
        home(Inventory(deployments=(left, green), target_groups=PAIR, rules=(rule(50, 50),)))
        == "arn:two"
    )
    assert home(Inventory(deployments=(left, green), target_groups=PAIR)) is None


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_chance_is_no_error_rate(errors: int, more: int) -> None:
    surely = watch.at_least(errors, errors + more)

    assert 0 <= surely <= 1
    assert surely <= errors / max(1, errors + more)
    if errors < 3:
        assert surely == 0


def test_an_error_rate_counts_against_its_limit_and_against_blues() -> None:
    absolute, relative = Watch(error_rate=0.05, requests=50), Watch(error_ratio=2, requests=50)
    bad, same = Counted(requests=200, errors=40), Counted(requests=200, errors=38)

    verdict = judge(Watched(green=bad), absolute)
    assert isinstance(verdict, Unhealthy)
    assert "40 of 200 answers were 5xx (20.0%), and watch.error_rate allows 5.0%" in verdict.reason
    assert judge(Watched(green=Counted(requests=3, errors=2)), absolute) == Inconclusive(
        "3 requests are too few to judge it by: watch.requests asks for 50"
    )
    assert judge(Watched(green=bad, blue=same), relative) == Healthy()
    assert isinstance(judge(Watched(green=bad, blue=Counted(requests=200)), relative), Unhealthy)
    assert (
        judge(Watched(green=Counted(requests=200), blue=Counted(requests=200)), relative)
        == Healthy()
    )


def test_latency_counts_against_its_limit_and_against_blues() -> None:
    slow, fast = Counted(requests=100, latency=0.9), Counted(requests=100, latency=0.2)

    assert isinstance(judge(Watched(green=slow), Watch(latency=0.5)), Unhealthy)
    verdict = judge(Watched(green=slow, blue=fast), Watch(latency_ratio=2))
    assert isinstance(verdict, Unhealthy)
    assert "0.900 s at the 95th percentile, against 0.200 s of the old version's" in verdict.reason
    assert judge(Watched(green=fast, blue=slow), Watch(latency_ratio=2, latency=0.5)) == Healthy()


def test_alarms_count_at_once_and_must_exist() -> None:
    told = Watch(alarms=("one", "two"))

    assert judge(Watched(alarms={"one": "OK", "two": "INSUFFICIENT_DATA"}), told) == Healthy()
    assert judge(Watched(alarms={"one": "OK", "two": "ALARM"}), told) == Unhealthy(
        "the alarm two is in ALARM (to go on in spite of it: --despite two)"
    )
    assert judge(Watched(alarms={"one": "OK"}), told) == Unhealthy(
        "there is no alarm two (to go on in spite of it: --despite two)"
    )


def test_what_was_red_before_does_not_judge_until_it_was_in_order_once() -> None:
    watch = Watch(alarms=("one", "two"), error_rate=0.05, latency=0.5, requests=50)
    bad = Counted(requests=200, errors=40, latency=0.9)
    began = Watched(alarms={"one": "ALARM"}, green=bad)
    before = red(began, watch)

    assert before == Red(alarms=("one", "two"), limits=("the error rate", "the latency"))
    assert judge(began, watch, before) == Healthy()
    assert isinstance(judge(began, watch), Unhealthy)
    assert still_red(before, began, watch) == before
    # Too few requests, and an alarm without data, say nothing yet.
    few = Watched(alarms={"one": "INSUFFICIENT_DATA"}, green=Counted(requests=3))
    assert still_red(before, few, watch) == before
    good = Watched(alarms={"one": "OK"}, green=Counted(requests=200, errors=40, latency=0.2))
    assert still_red(before, good, watch) == Red(alarms=("two",), limits=("the error rate",))
    rings = Watched(alarms={"one": "ALARM", "two": "OK"}, green=Counted(requests=200))
    assert isinstance(judge(rings, watch, still_red(before, good, watch)), Unhealthy)


@pytest.mark.parametrize(
    ("counted", "alone", "expected"),
    [
        # Every fifth connection is cut: the balancer answers in the target's place.
        ({"requests": 500, "answers": 400, "errors": 10, "balancers": 100}, False, (500, 110, 100)),
        # The balancer has other target groups, and theirs fail.
        ({"requests": 500, "answers": 500, "errors": 0, "balancers": 70}, False, (500, 0, 0)),
        # Users hang up, or open WebSockets: no answer is counted, and nobody saw an error.
        ({"requests": 500, "answers": 400, "errors": 0, "balancers": 0}, False, (500, 0, 0)),
        # The answers of a period are known before its requests.
        ({"requests": 300, "answers": 400, "errors": 4, "balancers": 3}, False, (400, 4, 0)),
        # A classic balancer is of this stack alone: what it refused was not routed, and failed.
        ({"requests": 500, "answers": 500, "errors": 5, "balancers": 50}, True, (550, 55, 50)),
    ],
)
def test_errors_are_what_users_got_whoever_gave_them(
    counted: dict[str, int], alone: bool, expected: tuple[int, int, int]
) -> None:
    found = count(**counted, latency=None, alone=alone)

    assert (found.requests, found.errors, found.unanswered) == expected


@given(*[st.integers(0, 10_000)] * 4, st.booleans())
def test_no_more_errors_are_counted_than_requests(
    requests: int, answers: int, errors: int, balancers: int, alone: bool
) -> None:
    found = count(requests, answers, min(errors, answers), balancers, None, alone=alone)

    assert found.requests >= found.errors >= found.unanswered >= 0


def test_answers_in_the_targets_place_are_named() -> None:
    cut = count(500, 400, 10, 100, None, alone=False)

    verdict = judge(Watched(green=cut), Watch(error_rate=0.05))
    assert isinstance(verdict, Unhealthy)
    assert (
        "110 of 500 answers were 5xx (22.0%), 100 of them the load balancer's since no target "
        "answered" in verdict.reason
    )
