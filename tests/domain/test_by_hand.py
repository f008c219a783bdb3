"""The commands that a person copies: exact, and complete."""

from __future__ import annotations

from typing import Any

from domain import by_hand, names
from domain.models import Deployment, State
from domain.sweep import find
from domain.sweep_traffic import dispute
from domain.traffic import Rule
from tests.domain.standings import GONE, ONE, PAIR, TWO, standing, world

TAG = "ResourceType=auto-scaling-group,Key=ovenbird:"


def asked(*deployments: Deployment, **more: Any) -> str:
    inventory = world(*deployments, **more)
    found = dispute(inventory, find(inventory, ()))
    assert found
    return found.words


def test_both_answers_are_shown_for_a_release_that_was_terminated_after_its_cutover() -> None:
    blue, green = standing("blue", State.SERVING, ()), standing("green", None, PAIR)

    assert asked(blue, green, green=dict.fromkeys(PAIR, 2)) == (
        "marks and traffic disagree: blue is marked as serving, and is out of the load balancer; "
        "green is not marked, and gets traffic, with 2 of 2 healthy. "
        "To keep green: aws autoscaling create-or-update-tags --tags "
        f"ResourceId=green,{TAG}served-at,Value=$(date -u +%FT%TZ),PropagateAtLaunch=false "
        f"ResourceId=green,{TAG}state,Value=serving,PropagateAtLaunch=false "
        f"ResourceId=blue,{TAG}state,Value=parked,PropagateAtLaunch=false, then sweep. "
        "To go back to blue: aws autoscaling attach-load-balancer-target-groups "
        "--auto-scaling-group-name blue --target-group-arns arn:one arn:two; "
        "once it is healthy there and as large as green: "
        "aws autoscaling detach-load-balancer-target-groups "
        "--auto-scaling-group-name green --target-group-arns arn:one arn:two, then sweep"
    )


def test_a_sick_blue_that_is_attached_leaves_where_green_is_kept() -> None:
    blue, green = standing("blue", State.SERVING, PAIR), standing("green", None, PAIR)

    words = asked(blue, green, green=dict.fromkeys(PAIR, 2))

    assert "blue is marked as serving, and gets traffic, with 0 of 2 healthy" in words
    assert (
        "Value=parked,PropagateAtLaunch=false; aws autoscaling detach-load-balancer-target-groups "
        "--auto-scaling-group-name blue --target-group-arns arn:one arn:two, then sweep"
    ) in words
    assert "To go back to blue: once it is healthy there and as large as green: aws" in words


def test_blue_joins_only_what_it_lacks_of_where_green_answers() -> None:
    blue, green = standing("blue", State.SERVING, (ONE,)), standing("green", None, PAIR)

    words = asked(blue, green, blue={ONE: 2}, green=dict.fromkeys(PAIR, 2))

    assert "--auto-scaling-group-name blue --target-group-arns arn:two; once" in words


def test_a_woken_deployment_that_is_kept_was_woken_by_nobody_any_more() -> None:
    woken = standing("old", State.PARKED, PAIR, tags={names.WOKEN_BY: GONE})

    words = asked(standing("blue", State.SERVING, ()), woken, old={ONE: 2})

    assert "old is marked as parked, and gets traffic, with 2 of 2 healthy" in words
    assert f"ResourceId=old,{TAG}woken-by,Value=,PropagateAtLaunch=false" in words


def test_what_is_marked_as_parked_already_is_only_taken_out() -> None:
    parked = standing("old", State.PARKED, PAIR)

    words = asked(standing("blue", State.SERVING, PAIR), parked, blue=dict.fromkeys(PAIR, 2))

    assert "Value=parked" not in words.split("To go back to blue")[1]


def test_what_no_sweep_would_clear_is_marked_as_parked() -> None:
    other = standing("old", None, PAIR, served_at="2026-10-01")

    words = asked(standing("blue", State.SERVING, PAIR), other, blue=dict.fromkeys(PAIR, 2))

    assert f"ResourceId=old,{TAG}state,Value=parked,PropagateAtLaunch=false; aws" in words


def test_weights_go_back_before_green_leaves_its_target_group() -> None:
    blue, green = standing("blue", State.SERVING, (ONE,)), standing("green", None, (TWO,))

    words = asked(blue, green, weights={ONE: 0, TWO: 100}, blue={ONE: 2}, green={TWO: 2})

    assert "blue is marked as serving, and gets no traffic" in words
    assert (
        "To go back to blue: once it is healthy there and as large as green: "
        "aws elbv2 modify-rule --rule-arn arn:rule --actions "
        """'[{"Type": "forward", "ForwardConfig": {"TargetGroups": """
        '[{"TargetGroupArn": "arn:one", "Weight": 100}, '
        '{"TargetGroupArn": "arn:two", "Weight": 0}], '
        """"TargetGroupStickinessConfig": {"Enabled": true, "DurationSeconds": 60}}}]'; """
        "aws autoscaling detach-load-balancer-target-groups "
        "--auto-scaling-group-name green --target-group-arns arn:two, then sweep"
    ) in words


def test_the_default_rule_of_a_listener_is_changed_at_the_listener() -> None:
    rule = Rule(arn="arn:rule", listener="arn:l", default=True, weights={ONE: 1, TWO: 1, "of": 3})

    (command,) = by_hand.weigh([rule], PAIR, TWO)

    assert command == (
        "aws elbv2 modify-listener --listener-arn arn:l --default-actions "
        """'[{"Type": "forward", "ForwardConfig": {"TargetGroups": """
        '[{"TargetGroupArn": "arn:one", "Weight": 0}, {"TargetGroupArn": "arn:two", "Weight": 100},'
        """ {"TargetGroupArn": "of", "Weight": 3}]}}]'"""
    )


def test_instances_that_a_person_registered_are_taken_out_by_that_person() -> None:
    group = standing("green", None, ("classic/old",)).group

    assert by_hand.leave(group, [ONE, "classic/old"]) == (
        "aws autoscaling detach-load-balancers --auto-scaling-group-name green "
        "--load-balancer-names old; deregister the instances of green from arn:one"
    )
    assert by_hand.leave(group, []) == ""
