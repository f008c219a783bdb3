"""Which image can be used as it is, and what makes an image the same as another?"""

from __future__ import annotations

from collections.abc import Iterable

from domain import names
from domain.errors import InvalidRequest
from domain.models import Image, Model


class BakeIdentity(Model):
    """All that decides what comes out of a bake; equal identities are the same image."""

    application: str
    tag: str
    commit: str
    base_image: str
    recipe: str
    builder: str
    architecture: str
    account: str
    region: str
    # The stack that bakes, and whether it needs verified images. Neither makes another image.
    stack: str = ""
    verified: bool = False

    @property
    def key(self) -> str:
        return names.bake_key(
            commit=self.commit,
            base_image=self.base_image,
            recipe=self.recipe,
            builder=self.builder,
            architecture=self.architecture,
            account=self.account,
            region=self.region,
        )

    @property
    def workflow_id(self) -> str:
        return names.bake_workflow(self.application, self.tag, self.key)

    @property
    def image_name(self) -> str:
        return names.image(self.application, self.tag, self.key)


def reusable(images: Iterable[Image], identity: BakeIdentity) -> Image | None:
    """`made` before, and verified where the stack asks for that: a release can use it as it is."""
    return made((image for image in images if image.verified or not identity.verified), identity)


def made(images: Iterable[Image], identity: BakeIdentity) -> Image | None:
    """
    The newest available image of the same commit, base image and recipe, for any tag.

    The recipe's hash covers builder and architecture. The list is of one application and account.
    A copy in another region has the tags of its original.
    """
    wanted = (identity.commit, identity.base_image, identity.recipe)
    fitting = [
        i for i in images if i.state == "available" and (i.commit, i.base_image, i.recipe) == wanted
    ]
    return max(fitting, key=lambda image: image.created_at, default=None)


def newest_of_each(images: Iterable[Image], *tags: str) -> list[Image]:
    """
    The newest available image of each tag.

    Raises InvalidRequest where a tag has no image; the message lists the tags that have one.
    """
    available = [image for image in images if image.state == "available"]
    newest = {image.tag: image for image in sorted(available, key=lambda image: image.created_at)}
    if missing := [tag for tag in tags if names.tag_value(tag) not in newest]:
        raise InvalidRequest(
            f"there is no image of {', '.join(missing)}; "
            f"there are: {', '.join(sorted(newest)) or 'none'}"
        )
    return [newest[names.tag_value(tag)] for tag in tags]
