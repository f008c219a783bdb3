"""Every name fits AWS's limits and alphabet, and no two things share one."""

import re

from hypothesis import assume, given
from hypothesis import strategies as st

from domain import names

ANY = st.text(min_size=1, max_size=200)
STACKS = st.from_regex(r"[a-z][a-z0-9-]{0,39}", fullmatch=True)
TAGS = st.one_of(
    st.text(min_size=1, max_size=200),
    st.sampled_from(
        ["v1+meta", "release/2026/é", "-leading", "v1", "v1.", "v1-", "日本", "/", "V1"]
    ),
)


@given(STACKS, TAGS, ANY)
def test_a_deployments_name_fits_template_configuration_and_group(
    stack: str, tag: str, release: str
) -> None:
    name = names.deployment(stack, tag, release)

    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{2,127}", name)
    assert len(names.scaling_policy(name, "requests")) <= 255


@given(STACKS, TAGS, STACKS, TAGS, ANY)
def test_two_deployments_never_share_a_name(
    stack: str, tag: str, other_stack: str, other_tag: str, release: str
) -> None:
    assume((stack, tag) != (other_stack, other_tag))

    assert names.deployment(stack, tag, release) != names.deployment(
        other_stack, other_tag, release
    )


def test_names_that_are_the_same_when_cut_or_joined_stay_apart() -> None:
    """a-b + c and a + b-c; two long tags that differ at their end; two tags with one slug."""
    long = "v" * 180

    assert names.deployment("a-b", "c", "r") != names.deployment("a", "b-c", "r")
    assert names.deployment("a", long + "1", "r") != names.deployment("a", long + "2", "r")
    assert names.deployment("a", "v1+x", "r") != names.deployment("a", "v1-x", "r")
    assert names.image("shop", "v1/é", "k") != names.image("shop", "v1-e", "k")


@given(st.text(min_size=1, max_size=60))
def test_a_target_groups_name_has_32_letters_digits_and_single_hyphens(stack: str) -> None:
    name = names.target_group(stack)

    assert re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", name)
    assert len(name) <= 32


@given(STACKS, TAGS, st.from_regex(r"[0-9a-f]{8}", fullmatch=True))
def test_an_images_name_has_3_to_128_of_the_allowed_characters(
    application: str, tag: str, key: str
) -> None:
    assert re.fullmatch(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}", names.image(application, tag, key))


@given(STACKS, ANY)
def test_a_security_groups_name_fits_and_is_not_taken_for_an_id(
    application: str, release: str
) -> None:
    name = names.bake_security_group(application, release)

    assert 0 < len(name) <= 255
    assert not name.startswith("sg-")


@given(st.lists(ANY, min_size=1, max_size=4))
def test_a_client_token_is_64_ascii_characters_and_the_same_each_time(parts: list[str]) -> None:
    token = names.token(*parts)

    assert token == names.token(*parts)
    assert token.isascii()
    assert len(token) <= 64


@given(st.text(max_size=400))
def test_a_tag_value_fits(text: str) -> None:
    value = names.tag_value(text)

    assert len(value) <= 256
    assert re.fullmatch(r"[\w\s+\-=.:/@]*", value)


def test_a_plain_git_tag_is_its_own_tag_value() -> None:
    assert names.tag_value("v1.4.2+build/é") == "v1.4.2+build/é"


@given(
    st.lists(
        st.sampled_from(
            ["commit", "base_image", "recipe", "builder", "architecture", "account", "region"]
        ),
        min_size=1,
        max_size=1,
    )
)
def test_whatever_decides_a_bake_changes_its_key(changed: list[str]) -> None:
    parts = dict.fromkeys(
        ("commit", "base_image", "recipe", "builder", "architecture", "account", "region"), "x"
    )

    assert names.bake_key(**parts) != names.bake_key(**parts | {changed[0]: "y"})


def test_a_resource_label_is_cut_from_the_two_arns() -> None:
    balancer = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/shop/50dc6c495c0c9188"
    group = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/shop/943f017f100becff"

    assert (
        names.resource_label(balancer, group)
        == "app/shop/50dc6c495c0c9188/targetgroup/shop/943f017f100becff"
    )
