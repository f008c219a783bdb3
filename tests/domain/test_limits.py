"""What AWS would refuse in the course of a release is refused where the stacks file is read."""

from __future__ import annotations

import pytest

from domain import limits, names
from domain.errors import InvalidConfiguration
from domain.stacks_file import parse
from tests.domain.test_config import GOOD, mistakes

HOOK = '{ name = "h%s", transition = "launching" }'


def tags(number: int) -> str:
    return ", ".join(f'"t{n}" = "x"' for n in range(number))


def top(lines: str) -> str:
    return GOOD.replace("[stacks.internal]", f"{lines}\n[stacks.internal]")


def test_a_stack_may_have_as_many_tags_as_the_marks_of_a_whole_life_leave_room_for() -> None:
    room = names.TAGS_LIMIT - len(limits.OF_A_GROUP)

    assert parse(top(f"tags = {{ {tags(room)} }}"))
    (line,) = mistakes(top(f"tags = {{ {tags(room + 1)} }}"))
    assert f"there are {room + 1} tags, and room for {room}" in line


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('tags = { "Aws:x" = "1", "ovenbird:y" = "1" }', "'Aws:x': tags must not begin"),
        ('tags = { "Aws:x" = "1", "ovenbird:y" = "1" }', "'ovenbird:y': tags must not begin"),
        ('tags = { x = "AWS:1" }', "tags must not begin"),
        (f'tags = {{ {"k" * 129} = "1" }}', "a key has 1 to 128 characters"),
        ('tags = { "" = "1" }', "a key has 1 to 128 characters"),
        (f'tags = {{ k = "{"v" * 257}" }}', "a value has 256 at most"),
        ('tags = { k = "\\u0001" }', "no control characters"),
        (
            f"lifecycle_hooks = [{', '.join(HOOK % n for n in range(51))}]",
            "lifecycle_hooks: Tuple should have at most 50",
        ),
        (f"lifecycle_hooks = [{HOOK % 1}, {HOOK % 1}]", "two lifecycle_hooks have one name"),
        ('watch = { alarms = ["' + "a" * 256 + '"] }', "at most 255 characters"),
        (
            f"load_balancer = {{ target_groups = {[f't{n}' for n in range(51)]} }}",
            "target_groups: Tuple should have at most 50",
        ),
        ('load_balancer = { target_groups = ["' + "t" * 33 + '"] }', "target_groups.0"),
        ('load_balancer = { target_groups = ["web_app"] }', "target_groups.0"),
        (
            'load_balancer = { strategy = "classic", target_groups = [], balancers = ["w_b"] }',
            "balancers.0",
        ),
        (
            f"instance = {{ security_groups = {['sg-1'] * 17} }}",
            "at most 16 items",
        ),
        ('instance = { profile = "arn:aws:iam::1:instance-profile/web" }', "profile"),
        (
            f'instance = {{ environment = {{ values = {{ X = "{"x" * 16_400}" }} }} }}',
            "bytes of user data, and AWS takes 16384",
        ),
        (
            f"network = {{ subnets = {['subnet-0123456789abcdef0'] * 201} }}",
            "5000 characters at most",
        ),
        ('bake = { artifacts_bucket = "Acme_Artifacts" }', "artifacts_bucket"),
    ],
)
def test_what_aws_takes_no_more_of_is_a_mistake_of_the_file(table: str, words: str) -> None:
    assert any(words in line for line in mistakes(top(table)))


def test_every_tag_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse(top('tags = { "aws:a" = "1", "ovenbird:b" = "1" }'))

    assert "aws:a" in str(caught.value)
    assert "ovenbird:b" in str(caught.value)
