"""Prune takes what is surplus, and nothing where it is not sure who serves."""

from __future__ import annotations

from domain import names
from tests.workflows.conftest import MakeCase

OLDER = ("v01", "v02", "v03", "v04")


async def test_all_but_the_last_deployments_go_with_their_templates_and_images(
    make_case: MakeCase,
) -> None:
    case = await make_case(parked=OLDER, retention={"deployments": 4})
    gone = [case.group(tag).name for tag in OLDER[:2]]

    result = await (await case.release()).result()

    assert set(result["pruned"]) == {*gone, "ami-v01", "ami-v02"}
    assert not set(gone) & (case.account.groups.keys() | case.account.template_images.keys())
    assert case.account.images.keys() == {"ami-v03", "ami-v04", "ami-v1", "ami-v2"}


async def test_nothing_is_pruned_until_aws_shows_that_green_serves(make_case: MakeCase) -> None:
    case = await make_case(parked=OLDER, retention={"deployments": 2})

    def old_tags_are_shown() -> None:
        shown = case.account.copy()
        case.world.shown["observe_parking"] = shown
        blue = shown.groups[case.group("v1").name]
        blue.min, blue.desired, blue.max, blue.machines = 0, 0, 0, []

    case.world.at("mark", old_tags_are_shown)

    result = await (await case.release()).result()

    case.settle()
    assert result["pruned"] == []
    assert "nothing was pruned" in result["notes"][0]
    assert not {"delete_launch_template", "delete_empty_group", "delete_image"} & set(
        case.world.names()
    )


async def test_what_somebody_uses_stays_and_is_named(make_case: MakeCase) -> None:
    """An attached deployment, an image that a template launches, and one that is protected."""
    case = await make_case(parked=OLDER, retention={"deployments": 2})
    case.group("v02").target_groups.append("arn:of-another-stack")
    case.account.template_images["by-hand"] = "ami-v01"
    images = case.account.images
    images["ami-v03"] = images["ami-v03"].model_copy(update={"protection": "foreign"})
    images["ami-v04"] = images["ami-v04"].model_copy(update={"protection": "ours"})

    result = await (await case.release()).result()

    left = {group.tags[names.TAG] for group in case.account.groups.values()}
    assert left == {"v02", "v1", "v2"}
    assert case.account.images.keys() == {"ami-v01", "ami-v02", "ami-v03", "ami-v1", "ami-v2"}
    assert any("ami-v01" in note and "launch template by-hand" in note for note in result["notes"])
    assert any("ami-v03" in note and "protects it" in note for note in result["notes"])


async def test_what_cannot_be_pruned_is_named_and_fails_nothing(make_case: MakeCase) -> None:
    case = await make_case(parked=OLDER, retention={"deployments": 2})
    case.world.refuse("delete_empty_group")

    result = await (await case.release()).result()

    assert "could not prune" in result["notes"][0]
