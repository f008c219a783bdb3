"""What a bake knows before it makes anything. It does not change afterwards."""

from __future__ import annotations

from domain import names
from domain.config import Stack
from domain.images import BakeIdentity
from domain.models import Image, Model


class BakeFacts(Model):
    """
    `owner` is the bake's own run: it owns what it makes, whoever waits for it. `log` is the prefix
    of its logs in the artifacts bucket. `found` is the image where it was made before: a repeated
    or late start bakes nothing and completes what is missing.
    """

    stack: Stack
    identity: BakeIdentity
    owner: str
    log: str
    image_name: str
    found: Image | None = None

    @property
    def region(self) -> str:
        return self.stack.region

    @property
    def subnets(self) -> tuple[str, ...]:
        """Where the builder may be launched, in the order in which they are tried."""
        return (self.stack.bake.subnet,) if self.stack.bake.subnet else self.stack.network.subnets

    @property
    def instance_type(self) -> str:
        return self.stack.bake.instance_type or self.stack.instance.type

    @property
    def manifest(self) -> str:
        """The key of the image's manifest in the artifacts bucket."""
        return names.manifest(self.image_name)

    @property
    def security_group(self) -> str:
        """The name of the temporary security group."""
        return names.bake_security_group(self.identity.application, self.owner)

    @property
    def key_pair(self) -> str:
        """The name of the temporary key pair of a Packer build."""
        return names.bake_key_pair(self.identity.application, self.owner)

    @property
    def credential(self) -> str:
        """Where the builder finds the repository's credential, as JSON: never what it is."""
        where = self.stack.application.credential
        return where.model_dump_json(exclude_none=True) if where else ""

    @property
    def tags(self) -> dict[str, str]:
        identity = self.identity
        return self.stack.tags | {
            names.APPLICATION: identity.application,
            names.TAG: names.tag_value(identity.tag),
            names.COMMIT: identity.commit,
            names.RECIPE: identity.recipe,
            names.BASE_IMAGE: identity.base_image,
            names.RELEASE: self.owner,
            "Name": self.image_name,
        }


def bake_facts(
    stack: Stack,
    identity: BakeIdentity,
    *,
    workflow_id: str,
    run_id: str,
    found: Image | None,
    rebake: str,
) -> BakeFacts:
    """`rebake` names who wants another image although there is one: it gets another name."""
    application = names.slug(identity.application)
    name = names.again(identity.image_name, rebake) if rebake else identity.image_name
    return BakeFacts(
        stack=stack,
        identity=identity,
        owner=names.owner(workflow_id, run_id),
        log=f"logs/{application}/{names.slug(identity.tag, also='.')}-{run_id}",
        image_name=found.name if found else name,
        found=found,
    )
