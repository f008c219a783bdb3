"""Machine images and their snapshots."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, nothing_there, tag_dict, tag_list, translated
from domain import names
from domain.errors import BakeFailed, Conflict, InvalidRequest, NotReady
from domain.models import Image, Model
from domain.sections import BaseImage

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef

# It never becomes available.
FAILED = ("failed", "invalid", "error")
_GONE = ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable")


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
    `visible_by`: from then on, what AWS does not show is not there.

    `unprotect`: what Ovenbird itself protects against being deregistered, it may.
    """

    region: str
    id: str
    visible_by: datetime | None = None
    unprotect: bool = False


class DiscardImage(Model):
    """`visible_by`: from then on, what AWS does not show is not there."""

    region: str
    name: str
    release: str
    visible_by: datetime | None = None


class FindUsers(Model):
    region: str
    images: tuple[str, ...]


class Images:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_images(self, request: FindImages) -> list[Image]:
        """All images of the application in this account, in whatever state."""
        pages = (
            self._aws.ec2(request.region)
            .get_paginator("describe_images")
            .paginate(
                # A prune that was cut short leaves an image disabled, which AWS hides unless asked.
                IncludeDisabled=True,
                Owners=["self"],
                Filters=[{"Name": f"tag:{names.APPLICATION}", "Values": [request.application]}],
            )
        )
        return [_image(image) for page in pages for image in page["Images"]]

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def resolve_base_image(self, request: ResolveBaseImage) -> str:
        """The id that the configuration's base image means now. Raises InvalidRequest where it means none."""
        base = request.base.of(request.architecture) if request.architecture else request.base
        if base.id:
            return base.id
        if base.parameter:
            ssm = self._aws.ssm(request.region)
            try:
                return ssm.get_parameter(Name=base.parameter)["Parameter"]["Value"]
            except ssm.exceptions.ParameterNotFound:
                raise InvalidRequest(
                    f"the base image's SSM parameter {base.parameter} does not exist in {request.region}"
                ) from None
        assert base.name
        assert base.owner
        filters = {"name": base.name, "state": "available"} | (
            {"architecture": request.architecture} if request.architecture else {}
        )
        pages = (
            self._aws.ec2(request.region)
            .get_paginator("describe_images")
            .paginate(
                Owners=[base.owner],
                Filters=[{"Name": name, "Values": [value]} for name, value in filters.items()],
            )
        )
        found = [image for page in pages for image in page["Images"]]
        if not found:
            raise InvalidRequest(
                f"no {request.architecture} image of {base.owner} in {request.region} is called {base.name}".replace(
                    "  ", " "
                )
            )
        return max(found, key=lambda image: image.get("CreationDate", ""))["ImageId"]

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def ensure_image(self, request: EnsureImage) -> str:
        """
        Its id. CreateImage has no client token: the name is looked up first, and adopted only where it is the same image.

        Raises Conflict where the name is taken by another.
        """
        ec2 = self._aws.ec2(request.region)
        known = self.named(request.region, request.name)
        if known and known.get("State") == "failed":
            # Of a bake that was terminated: this one holds the lock, and nobody else will take it away.
            self.deregister(request.region, self.adopt(known, request.name, request.tags))
        elif known:
            return self.adopt(known, request.name, request.tags)
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
            known = self.named(request.region, request.name)
            if known is None:
                raise NotReady(
                    f"AWS says that the name {request.name} is taken, and does not show by what yet"
                ) from None
            return self.adopt(known, request.name, request.tags)
        return made["ImageId"]

    def take_over(self, request: EnsureImage) -> str | None:
        """
        The id of the image of that name that this bake's own instance became, tagged; None where there is none.

        A failed one is removed. Raises Conflict where the name is another bake's.
        """
        image = self.named(request.region, request.name)
        if image is None:
            return None
        if self._is_untagged_but_ours(request.region, image, request.release):
            self.tag_image(request.region, image["ImageId"], request.tags)
            image["Tags"] = tag_list(request.tags)
        known = self.adopt(image, request.name, request.tags)
        if image.get("State") in FAILED:
            self.deregister(request.region, known)
            return None
        return known

    def tag_image(self, region: str, image: str, tags: dict[str, str]) -> None:
        """With its snapshots, where a tag is missing."""
        known = self._aws.ec2(region).describe_images(ImageIds=[image])["Images"]
        if known and tags.items() <= tag_dict(known[0].get("Tags")).items():
            return
        snapshots = _image(known[0]).snapshots if known else ()
        self._aws.ec2(region).create_tags(Resources=[image, *snapshots], Tags=tag_list(tags))

    def _is_untagged_but_ours(self, region: str, image: ImageTypeDef, release: str) -> bool:
        """Packer tags an image once it is available: until then its source tells whose it is."""
        source = image.get("SourceInstanceId")
        if not source or names.RELEASE in tag_dict(image.get("Tags")):
            return False
        wanted: Any = [
            {"Name": f"tag:{names.RELEASE}", "Values": [release]},
            {"Name": "instance-id", "Values": [source]},
        ]
        return bool(self._aws.ec2(region).describe_instances(Filters=wanted)["Reservations"])

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def image_available(self, request: ImageRef) -> Image:
        """The image once it is available. Raises NotReady until then, BakeFailed where it never will be."""
        try:
            images = self._aws.ec2(request.region).describe_images(ImageIds=[request.id])["Images"]
        except ClientError as error:
            if code(error) not in _GONE:
                raise
            images = []
        if not images:
            nothing_there(f"the image {request.id}", request.visible_by)
            raise BakeFailed(f"the image {request.id} is gone: somebody deregistered it")
        state = images[0].get("State", "pending")
        if state == "available":
            return _image(images[0])
        if state == "pending":
            raise NotReady(f"the image {request.id} is pending")
        reason = images[0].get("StateReason", {}).get("Message", "AWS gives no reason")
        raise BakeFailed(f"the image {request.id} is {state}: {reason}")

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def discard_image(self, request: DiscardImage) -> None:
        """Removes what a failed bake made of its image, with the snapshots; content to find nothing."""
        image = self.named(request.region, request.name)
        if image is None:
            nothing_there(f"the image {request.name}", request.visible_by)
        elif self._is_untagged_but_ours(request.region, image, request.release):
            # Only what carries our tags may be removed.
            self.tag_image(request.region, image["ImageId"], {names.RELEASE: request.release})
            self.deregister(request.region, image["ImageId"])
        elif tag_dict(image.get("Tags")).get(names.RELEASE) == request.release:
            self.deregister(request.region, image["ImageId"])

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def find_users(self, request: FindUsers) -> dict[str, list[str]]:
        """Who uses these images: instances, launch templates (default and latest version), launch configurations."""
        wanted = list(request.images)
        users: dict[str, list[str]] = {image: [] for image in wanted}
        ec2 = self._aws.ec2(request.region)
        by_image: Any = [{"Name": "image-id", "Values": wanted}]
        for reservations in ec2.get_paginator("describe_instances").paginate(Filters=by_image):
            for instance in (i for r in reservations["Reservations"] for i in r["Instances"]):
                if instance["State"]["Name"] not in ("terminated", "shutting-down"):
                    users[instance["ImageId"]].append(f"instance {instance['InstanceId']}")
        for versions in ec2.get_paginator("describe_launch_template_versions").paginate(
            Versions=["$Latest", "$Default"], Filters=by_image
        ):
            for version in versions["LaunchTemplateVersions"]:
                users[version["LaunchTemplateData"]["ImageId"]].append(
                    f"launch template {version['LaunchTemplateName']}"
                )
        autoscaling = self._aws.autoscaling(request.region)
        for page in autoscaling.get_paginator("describe_launch_configurations").paginate():
            for config in page["LaunchConfigurations"]:
                if config["ImageId"] in users:
                    users[config["ImageId"]].append(
                        f"launch configuration {config['LaunchConfigurationName']}"
                    )
        return users

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def delete_image(self, request: ImageRef) -> None:
        """Disabled first, so that nothing launches it between the two calls; then deregistered with its snapshots."""
        try:
            if request.unprotect:
                self._aws.ec2(request.region).disable_image_deregistration_protection(
                    ImageId=request.id
                )
            self._aws.ec2(request.region).disable_image(ImageId=request.id)
        except ClientError as error:
            if code(error) in _GONE:
                return
            raise
        self.deregister(request.region, request.id)

    def deregister(self, region: str, image: str) -> None:
        try:
            self._aws.ec2(region).deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
        except ClientError as error:
            if code(error) not in _GONE:
                raise

    def named(self, region: str, name: str) -> ImageTypeDef | None:
        images = self._aws.ec2(region).describe_images(
            IncludeDisabled=True, Owners=["self"], Filters=[{"Name": "name", "Values": [name]}]
        )["Images"]
        return images[0] if images else None

    @staticmethod
    def adopt(image: ImageTypeDef, name: str, wanted: dict[str, str]) -> str:
        """By what it is, not by who made it: a bake that was terminated may have left a good one under this name."""
        tags = tag_dict(image.get("Tags"))
        if any(
            tags.get(key) != wanted[key]
            for key in (names.APPLICATION, names.COMMIT, names.RECIPE, names.BASE_IMAGE)
        ):
            raise Conflict(
                f"the image name {name} is taken by {image['ImageId']}, which another bake made; deregister it if it is of no use"
            )
        return image["ImageId"]


def _image(image: ImageTypeDef) -> Image:
    tags = tag_dict(image.get("Tags"))
    return Image(
        id=image["ImageId"],
        name=image.get("Name", ""),
        state=image.get("State", ""),
        tag=tags.get(names.TAG, ""),
        commit=tags.get(names.COMMIT, ""),
        recipe=tags.get(names.RECIPE, ""),
        base_image=tags.get(names.BASE_IMAGE, ""),
        created_at=image.get("CreationDate", ""),
        verified=names.VERIFIED in tags,
        imds=image.get("ImdsSupport", ""),
        deprecated_at=image.get("DeprecationTime", ""),
        shared_with=tuple(tags.get(names.SHARED_WITH, "").split()),
        protection=("ours" if names.PROTECTED in tags else "foreign")
        if image.get("DeregistrationProtection", "").startswith("enabled")
        else "",
        snapshots=tuple(
            mapping["Ebs"]["SnapshotId"]
            for mapping in image.get("BlockDeviceMappings", [])
            if mapping.get("Ebs", {}).get("SnapshotId")
        ),
    )
