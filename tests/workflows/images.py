"""In memory: images, and the temporary things of a bake."""

from __future__ import annotations

from datetime import UTC, datetime

from temporalio import activity

from activities.aws import nothing_there
from activities.builders import BuilderRef, EnsureSecurityGroup, LaunchBuilder, OfRelease
from activities.delivery import CheckSharing, FinishImage, ProtectImage
from activities.images import (
    DiscardImage,
    EnsureImage,
    FindImages,
    FindUsers,
    ImageRef,
    ResolveBaseImage,
    SnapshotRef,
)
from activities.provisioning import CommandRef, StartProvisioner
from domain import names
from domain.errors import AwsRefused, BakeFailed, NotReady
from domain.models import Image
from domain.sweep import Owned
from tests.workflows.account import Account
from tests.workflows.world import World


class ImagesInMemory:
    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _account(self) -> Account:
        return self._world.account

    @activity.defn
    async def find_images(self, _: FindImages) -> list[Image]:
        return list(self._account.images.values())

    @activity.defn
    async def resolve_base_image(self, request: ResolveBaseImage) -> str:
        return request.base.id or "ami-base"

    @activity.defn
    async def find_users(self, request: FindUsers) -> dict[str, list[str]]:
        account = self._account
        users: dict[str, list[str]] = {image: [] for image in request.images}
        running = [m for group in account.groups.values() for m in group.machines]
        used = [(machine.image, f"instance {machine.id}") for machine in running]
        used += [(i, f"launch template {name}") for name, i in account.template_images.items()]
        used += [(i, f"launch configuration {name}") for name, i in account.configurations.items()]
        for image, user in used:
            if image in users:
                users[image].append(user)
        return users

    @activity.defn
    async def delete_image(self, request: ImageRef) -> None:
        known = self._account.images.get(request.id)
        if known and known.protection and not request.unprotect:
            raise AwsRefused(f"AWS refused OperationNotPermitted: {request.id} is protected")
        self._account.images.pop(request.id, None)

    @activity.defn
    async def delete_snapshot(self, request: SnapshotRef) -> None:
        self._account.snapshots.pop(request.id, None)

    @activity.defn
    async def protect_image(self, request: ProtectImage) -> None:
        images = self._account.images
        images[request.id] = images[request.id].model_copy(update={"protection": "ours"})

    @activity.defn
    async def ensure_image(self, request: EnsureImage) -> str:
        for image in self._account.images.values():
            if image.name == request.name:
                return image.id
        made = Image(
            id=f"ami-{next(self._account.numbers):04}",
            name=request.name,
            state="pending",
            tag=request.tags[names.TAG],
            commit=request.tags[names.COMMIT],
            recipe=request.tags[names.RECIPE],
            base_image=request.tags[names.BASE_IMAGE],
            created_at=datetime.now(UTC).isoformat(),
        )
        self._account.images[made.id] = made
        self._account.image_tags[made.id] = request.tags
        return made.id

    @activity.defn
    async def image_available(self, request: ImageRef) -> Image:
        """It is available at the second look."""
        image = self._account.images.get(request.id)
        if image is None:
            nothing_there(f"the image {request.id}", request.visible_by)
            raise BakeFailed(f"the image {request.id} is gone: somebody deregistered it")
        if image.state == "available":
            return image
        self._account.images[image.id] = image.model_copy(update={"state": "available"})
        raise NotReady(f"the image {request.id} is pending")

    @activity.defn
    async def discard_image(self, request: DiscardImage) -> None:
        found = [image for image in self._account.images.values() if image.name == request.name]
        if not found:
            nothing_there(f"the image {request.name}", request.visible_by)
        for image in found:
            if self._account.image_tags.get(image.id, {}).get(names.RELEASE) == request.release:
                del self._account.images[image.id]

    @activity.defn
    async def refuse_unshareable(self, _: CheckSharing) -> None:
        """Every key of this account may be shared."""

    @activity.defn
    async def finish_image(self, request: FinishImage) -> Image:
        image = self._account.images[request.image.id]
        verified = image.verified or request.verified
        image = image.model_copy(update={"imds": "v2.0", "verified": verified})
        self._account.images[image.id] = image
        return image


class BuildersInMemory:
    """A builder is online, and does what it is told, at the second look."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._commands: dict[str, int] = {}

    @property
    def _account(self) -> Account:
        return self._world.account

    def _owned(self, kind: str, number: str, name: str, release: str) -> Owned:
        made = datetime.now(UTC).isoformat() if kind == "instance" else ""
        return Owned.model_validate(
            {"kind": kind, "id": number, "name": name, "release": release, "created_at": made}
        )

    @activity.defn
    async def ensure_security_group(self, request: EnsureSecurityGroup) -> str:
        groups = self._account.security_groups
        if request.name not in groups:
            id_ = f"sg-{next(self._account.numbers):04}"
            release = request.tags[names.RELEASE]
            groups[request.name] = self._owned("security group", id_, request.name, release)
        return groups[request.name].id

    @activity.defn
    async def launch_builder(self, request: LaunchBuilder) -> str:
        builders = self._account.builders
        if request.token not in builders:
            id_ = f"i-{next(self._account.numbers):04}"
            release = request.tags[names.RELEASE]
            builders[request.token] = self._owned("instance", id_, request.tags["Name"], release)
            self._account.builder_states[id_] = "pending"
        return builders[request.token].id

    @activity.defn
    async def builder_online(self, request: BuilderRef) -> None:
        states = self._account.builder_states
        if states[request.id] == "pending":
            states[request.id] = "running"
            raise NotReady(f"the SSM agent of {request.id} does not answer yet")

    @activity.defn
    async def start_provisioner(self, request: StartProvisioner) -> str:
        self._commands.setdefault(request.token, 0)
        return request.token

    @activity.defn
    async def provisioner_finished(self, request: CommandRef) -> None:
        self._commands[request.id] += 1
        if self._commands[request.id] < 2:
            raise NotReady(f"the {request.provisioner} scripts are running")

    @activity.defn
    async def stop_builder(self, request: BuilderRef) -> None:
        states = self._account.builder_states
        if states[request.id] != "stopped":
            states[request.id] = "stopped"
            raise NotReady(f"the builder {request.id} is stopping")

    @activity.defn
    async def destroy_builders(self, request: OfRelease) -> None:
        """Shutting down at the first look, terminated at the second."""
        builders, states = self._account.builders, self._account.builder_states
        mine = {t: b for t, b in builders.items() if b.release == request.release}
        left = [b.id for b in mine.values() if states[b.id] != "shutting-down"]
        for builder in left:
            states[builder] = "shutting-down"
        if left:
            raise NotReady(f"{', '.join(left)} still shutting down")
        for token in mine:
            del builders[token]

    @activity.defn
    async def delete_security_groups(self, request: OfRelease) -> None:
        groups = self._account.security_groups
        mine = [name for name, group in groups.items() if group.release == request.release]
        if not mine:
            nothing_there("the temporary security group", request.visible_by)
        if any(b.release == request.release for b in self._account.builders.values()):
            raise NotReady("the security group is still used by a network interface")
        for name in mine:
            del groups[name]
