"""Finishes an image: tags, deprecation, sharing, copies in other regions, protection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, sentence, tag_list, translated
from activities.named_images import FAILED, NamedImages
from domain import names
from domain.errors import Conflict, InvalidRequest, NotReady
from domain.models import Image, Model
from domain.sections import Copy

IMDS_V2 = "v2.0"
# AWS's own key, used where nobody chose one. Its policy lets no other account use it.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-explicit.html
DEFAULT_KEY = "alias/aws/ebs"
SOONEST = timedelta(minutes=5)


class EnsureCopy(Model):
    """The same `token` makes the same copy."""

    region: str
    source_region: str
    source: str
    name: str
    tags: dict[str, str]
    token: str
    kms_key: str | None = None


class FinishImage(Model):
    region: str
    image: Image
    verified: bool = False
    share_with: tuple[str, ...] = ()
    deprecate_after_days: float | None = None


class ProtectImage(Model):
    region: str
    id: str


class CheckSharing(Model):
    """`base_image` is an id."""

    region: str
    base_image: str
    kms_key: str | None
    copies: tuple[Copy, ...]


class Delivery:
    def __init__(self, aws: Aws) -> None:
        self._aws, self._named = aws, NamedImages(aws)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def refuse_unshareable(self, request: CheckSharing) -> None:
        """
        Raises InvalidRequest, which names every region where the image could not be shared.

        An image that an AWS managed key encrypts cannot be shared.
        """
        encrypted, key = self._own_encryption(request)
        wrong = [request.region] if encrypted and self._is_managed(request.region, key) else []
        for copy in request.copies:
            by_default, default = self._default_encryption(copy.region)
            if (copy.kms_key or encrypted or by_default) and self._is_managed(
                copy.region, copy.kms_key or default
            ):
                wrong.append(copy.region)
        if wrong:
            raise InvalidRequest(
                f"the image would be encrypted with a key of AWS's own in {', '.join(wrong)}, and "
                "such an image cannot be shared: give bake.kms_key, and kms_key in bake.copies, a "
                "key of yours whose policy admits the accounts of bake.share_with, "
                "or choose one as the region's default for EBS"
            )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def finish_image(self, request: FinishImage) -> Image:
        """
        Requires IMDSv2, sets the deprecation date, and shares the image.

        It is tagged first, so that every shared image has the tag that says so.
        """
        image, ec2 = request.image, self._aws.ec2(request.region)
        tags = {names.VERIFIED: "true"} if request.verified and not image.verified else {}
        shared_with = tuple(sorted({*image.shared_with, *request.share_with}))
        if shared_with != image.shared_with:
            tags[names.SHARED_WITH] = " ".join(shared_with)
        if tags:
            ec2.create_tags(Resources=[image.id], Tags=tag_list(tags))
        if image.imds != IMDS_V2:
            ec2.modify_image_attribute(ImageId=image.id, ImdsSupport={"Value": IMDS_V2})
        if request.deprecate_after_days and not image.deprecated_at:
            ec2.enable_image_deprecation(
                ImageId=image.id, DeprecateAt=_deprecation(image, request.deprecate_after_days)
            )
        if request.share_with:
            ec2.modify_image_attribute(
                ImageId=image.id,
                LaunchPermission={"Add": [{"UserId": account} for account in request.share_with]},
            )
        return image.model_copy(
            update={
                "imds": IMDS_V2,
                "verified": image.verified or request.verified,
                "shared_with": shared_with,
            }
        )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def ensure_copy(self, request: EnsureCopy) -> str:
        """
        The id of the copy in `region`. It is looked up by its name first.

        Raises Conflict where another image has the name.
        """
        known = self._named.named(request.region, request.name)
        if known:
            adopted = self._named.adopt(known, request.name, request.tags)
            if known.get("State") not in FAILED:
                return adopted
            self._named.deregister(request.region, adopted)
        more: Any = {"Encrypted": True, "KmsKeyId": request.kms_key} if request.kms_key else {}
        try:
            made = self._aws.ec2(request.region).copy_image(
                SourceRegion=request.source_region,
                SourceImageId=request.source,
                Name=request.name,
                # With the same token, AWS would return the failed copy that was removed.
                ClientToken=names.token(request.token, known["ImageId"] if known else ""),
                TagSpecifications=[
                    {"ResourceType": kind, "Tags": tag_list(request.tags)}
                    for kind in ("image", "snapshot")
                ],
                **more,
            )
        except ClientError as error:
            if code(error) != "InvalidAMIName.Duplicate":
                raise
            raise NotReady(
                f"AWS says that {request.region} has an image {request.name}, "
                "and does not show it yet"
            ) from None
        return made["ImageId"]

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def protect_image(self, request: ProtectImage) -> None:
        """
        Against deregistration. The tag says that Ovenbird may lift the protection.

        Raises Conflict where somebody deregistered the image: green was launched from it, so AWS
        has shown it long since.
        """
        ec2 = self._aws.ec2(request.region)
        try:
            ec2.create_tags(Resources=[request.id], Tags=tag_list({names.PROTECTED: "true"}))
            ec2.enable_image_deregistration_protection(ImageId=request.id, WithCooldown=False)
        except ClientError as error:
            if code(error) not in ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"):
                raise
            raise Conflict(
                f"somebody deregistered {request.id}: bake its tag again before the group has to "
                f"launch ({sentence(error)})"
            ) from None

    def _own_encryption(self, request: CheckSharing) -> tuple[bool, str]:
        """Would the bake's image be encrypted, and with which key?"""
        if request.kms_key:
            return True, request.kms_key
        by_default, key = self._default_encryption(request.region)
        if by_default:
            return True, key
        base = self._aws.ec2(request.region).describe_images(ImageIds=[request.base_image])[
            "Images"
        ]
        disks: list[Any] = [
            mapping["Ebs"]
            for image in base
            for mapping in image.get("BlockDeviceMappings", [])
            if "Ebs" in mapping
        ]
        encrypted = [disk for disk in disks if disk.get("Encrypted")]
        return bool(encrypted), encrypted[0].get("KmsKeyId", key) if encrypted else key

    def _default_encryption(self, region: str) -> tuple[bool, str]:
        ec2 = self._aws.ec2(region)
        return ec2.get_ebs_encryption_by_default()[
            "EbsEncryptionByDefault"
        ], ec2.get_ebs_default_kms_key_id()["KmsKeyId"]

    def _is_managed(self, region: str, key: str) -> bool:
        return (
            key == DEFAULT_KEY
            or self._aws.kms(region).describe_key(KeyId=key)["KeyMetadata"].get("KeyManager")
            == "AWS"
        )


def _deprecation(image: Image, days: float) -> datetime:
    """At least five minutes from now: AWS refuses a date in the past."""
    now = datetime.now(UTC)
    try:
        made = datetime.fromisoformat(image.created_at)
    except ValueError:
        made = now
    return max(made + timedelta(days=days), now + SOONEST)
