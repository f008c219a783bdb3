"""What reaches a builder decides what the image is: nothing else, and all of it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from activities.recipe import Recipe, RecipeOf
from domain.errors import InvalidRequest

SHOP = RecipeOf(application="shop", values={"workers": "4"})


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    for path, content in (
        ("agent.py", "agent"),
        ("provision/code/10-pull.sh", "pull"),
        ("files/etc/app.conf.j2", "workers {{ workers }} of {{ application }}\n"),
        ("applications/shop/provision/code/15-extra.sh", "extra"),
        ("applications/blog/files/etc/blog.conf", "blog"),
        ("notes.md", "not of it"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    return Recipe(tmp_path)


def unpacked(bundle: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(bundle)) as tar:
        return {member.name: tar.extractfile(member).read().decode() for member in tar}  # type: ignore[union-attr]


def test_a_bundle_is_rendered_and_has_the_applications_own_parts_among_the_others(
    recipe: Recipe,
) -> None:
    assert unpacked(recipe.bundle(SHOP)) == {
        "agent.py": "agent",
        "files/etc/app.conf": "workers 4 of shop\n",
        "provision/code/10-pull.sh": "pull",
        "provision/code/15-extra.sh": "extra",
    }


def test_what_reaches_the_builder_changes_the_hash_and_nothing_else_does(recipe: Recipe) -> None:
    before = recipe.hash(SHOP)
    (recipe.directory / "notes.md").write_text("changed")
    (recipe.directory / "applications/blog/files/etc/blog.conf").write_text("changed")
    assert recipe.hash(SHOP) == before
    assert recipe.hash(SHOP.model_copy(update={"values": {"workers": "5"}})) != before
    assert recipe.hash(SHOP.model_copy(update={"also": ("arm64",)})) != before
    (recipe.directory / "provision/code/10-pull.sh").chmod(0o755)
    assert recipe.hash(SHOP) != before


def test_a_variable_that_nobody_gave_is_a_mistake_by_name(recipe: Recipe) -> None:
    with pytest.raises(
        InvalidRequest,
        match=r"files/etc/app.conf.j2 cannot be rendered for shop: 'workers' is undefined",
    ):
        recipe.hash(RecipeOf(application="shop"))
