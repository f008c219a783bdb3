"""Machine images and their snapshots."""

from __future__ import annotations

from datetime import datetime

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, nothing_there, tag_dict, tag_list, translated
from activities.base_images import image_in_parameter, newest_image
from activities.image_facts import image_facts
from activities.image_users import users_of
from activities.named_images import GONE, NamedImages
from domain import names
from domain.errors import BakeFailed, NotReady
from domain.models import Image, Model
from domain.sections import BaseImage


class FindImages(Model):
    region: str
    application: str


class ResolveBaseImage(Model):
    region: str
    base: BaseImage
    architecture: str = ""


class EnsureImage(Model):
    region: str
    name: str
    instance: str
    release: str
    tags: dict[str, str]


class ImageRef(Model):
    """
    From `visible_by` on, an image that AWS does not show does not exist.

    `unprotect` lifts Ovenbird's own protection against deregistration.
    """

    region: str
    id: str
    visible_by: datetime | None = None
    unprotect: bool = False


class DiscardImage(Model):
    """From `visible_by` on, an image that AWS does not show does not exist."""

    region: str
    name: str
    release: str
    visible_by: datetime | None = None


class SnapshotRef(Model):
    region: str
    id: str


class FindUsers(Model):
    region: str
    images: tuple[str, ...]


class Images:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._named = NamedImages(aws)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_images(self, request: FindImages) -> list[Image]:
        """All images of the application in this account, in any state."""
        pages = (
            self._aws.ec2(request.region)
            .get_paginator("describe_images")
            .paginate(
                # AWS lists disabled images only when asked; an interrupted prune leaves them.
                IncludeDisabled=True,
                Owners=["self"],
                Filters=[{"Name": f"tag:{names.APPLICATION}", "Values": [request.application]}],
            )
        )
        return [image_facts(image) for page in pages for image in page["Images"]]

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def resolve_base_image(self, request: ResolveBaseImage) -> str:
        """The id of the configured base image. Raises InvalidRequest where there is none."""
        base = request.base.of(request.architecture) if request.architecture else request.base
        if base.id:
            return base.id
        if base.parameter:
            return image_in_parameter(self._aws, request.region, base.parameter)
        assert base.name
        assert base.owner
        return newest_image(self._aws, request.region, base.name, base.owner, request.architecture)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def ensure_image(self, request: EnsureImage) -> str:
        """
        The image's id. CreateImage has no client token, so the image is looked up by name first.

        An existing one is adopted where it is the same image. Raises Conflict where it is not.
        """
        ec2 = self._aws.ec2(request.region)
        known = self._named.named(request.region, request.name)
        if known and known.get("State") == "failed":
            # A terminated bake left it. This bake holds the lock, so it removes it.
            self._named.deregister(
                request.region, self._named.adopt(known, request.name, request.tags)
            )
        elif known:
            return self._named.adopt(known, request.name, request.tags)
        try:
            made = ec2.create_image(
                InstanceId=request.instance,
                Name=request.name,
                NoReboot=True,
                TagSpecifications=[
                    {"ResourceType": kind, "Tags": tag_list(request.tags)}
                    for kind in ("image", "snapshot")
                ],
            )
        except ClientError as error:
            if code(error) != "InvalidAMIName.Duplicate":
                raise
            known = self._named.named(request.region, request.name)
            if known is None:
                raise NotReady(
                    f"AWS says that the name {request.name} is taken, and does not show by what yet"
                ) from None
            return self._named.adopt(known, request.name, request.tags)
        return made["ImageId"]

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def image_available(self, request: ImageRef) -> Image:
        """
        The image, once it is available.

        Raises NotReady until then, BakeFailed where it never becomes available.
        """
        try:
            images = self._aws.ec2(request.region).describe_images(ImageIds=[request.id])["Images"]
        except ClientError as error:
            if code(error) not in GONE:
                raise
            images = []
        if not images:
            nothing_there(f"the image {request.id}", request.visible_by)
            raise BakeFailed(f"the image {request.id} is gone: somebody deregistered it")
        state = images[0].get("State", "pending")
        if state == "available":
            return image_facts(images[0])
        if state == "pending":
            raise NotReady(f"the image {request.id} is pending")
        reason = images[0].get("StateReason", {}).get("Message", "AWS gives no reason")
        raise BakeFailed(f"the image {request.id} is {state}: {reason}")

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def discard_image(self, request: DiscardImage) -> None:
        """
        Removes the image of a failed bake, with its snapshots.

        Does nothing where it does not exist.
        """
        image = self._named.named(request.region, request.name)
        if image is None:
            nothing_there(f"the image {request.name}", request.visible_by)
        elif self._named.is_untagged_but_ours(request.region, image, request.release):
            # The release's tag goes on first: only tagged resources may be removed.
            self._named.tag_image(
                request.region, image["ImageId"], {names.RELEASE: request.release}
            )
            self._named.deregister(request.region, image["ImageId"])
        elif tag_dict(image.get("Tags")).get(names.RELEASE) == request.release:
            self._named.deregister(request.region, image["ImageId"])

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def delete_snapshot(self, request: SnapshotRef) -> None:
        """Does nothing where it does not exist. AWS refuses it where an image uses it."""
        try:
            self._aws.ec2(request.region).delete_snapshot(SnapshotId=request.id)
        except ClientError as error:
            if code(error) != "InvalidSnapshot.NotFound":
                raise

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_users(self, request: FindUsers) -> dict[str, list[str]]:
        """
        Who uses these images: instances, launch templates, launch configurations.

        Of a launch template the default and the latest version count.
        """
        return users_of(self._aws, request.region, request.images)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def delete_image(self, request: ImageRef) -> None:
        """
        Disables the image, so that nothing launches it, and deregisters it with its snapshots.
        """
        try:
            if request.unprotect:
                self._aws.ec2(request.region).disable_image_deregistration_protection(
                    ImageId=request.id
                )
            self._aws.ec2(request.region).disable_image(ImageId=request.id)
        except ClientError as error:
            if code(error) in GONE:
                return
            raise
        self._named.deregister(request.region, request.id)
