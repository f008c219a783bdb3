"""What moto does not know of images: IMDSv2, deprecation, protection, and keys."""

from __future__ import annotations

from typing import Any

from localcloud import pages
from localcloud.images import DEFAULT_KEY
from localcloud.patches import Original, adds, corrects
from localcloud.upstream import ActionResult, EC2ClientError, EmptyResult

_RESPONSE = "moto.ec2.responses.amis:AmisResponse."


class ImageAttributes:
    @corrects(
        _RESPONSE + "modify_image_attribute",
        "An image takes the attribute ImdsSupport; one that AWS's own key encrypts is not shared.",
        pages.ec2("ModifyImageAttribute"),
    )
    def modify(self, original: Original, response: Any) -> Any:
        image = _image(response)
        if support := response._get_param("ImdsSupport"):
            image.imds_support = support["Value"]
            return EmptyResult()
        shares = response._get_param("LaunchPermission", {}).get("Add")
        if shares and image.ebs_snapshot.kms_key_id == DEFAULT_KEY:
            raise EC2ClientError(
                "InvalidParameter", "Snapshots encrypted with the AWS Managed CMK can't be shared"
            )
        return original(response)

    @adds(
        _RESPONSE + "enable_image_deprecation",
        "An image has the date from which it is deprecated.",
        pages.ec2("EnableImageDeprecation"),
    )
    def deprecate(self, response: Any) -> ActionResult:
        _image(response).deprecation_time = str(response._get_param("DeprecateAt"))
        return ActionResult({"Return": True})

    @adds(
        _RESPONSE + "enable_image_deregistration_protection",
        "An image is protected against deregistration, without a cooldown.",
        pages.ec2("EnableImageDeregistrationProtection"),
    )
    def protect(self, response: Any) -> ActionResult:
        if response._get_bool_param("WithCooldown", False):
            raise NotImplementedError("deregistration protection with a cooldown")
        return _set_protection(response, "enabled-without-cooldown")

    @adds(
        _RESPONSE + "disable_image_deregistration_protection",
        "An image is protected no longer, at once.",
        pages.ec2("DisableImageDeregistrationProtection"),
    )
    def unprotect(self, response: Any) -> ActionResult:
        return _set_protection(response, "disabled")

    @adds(
        "moto.ec2.responses.settings:Settings.get_ebs_default_kms_key_id",
        "The default key for EBS is AWS's own.",
        pages.ec2("GetEbsDefaultKmsKeyId"),
    )
    def get_default_key(self, _response: Any) -> ActionResult:
        return ActionResult({"KmsKeyId": DEFAULT_KEY})

    @corrects(
        "moto.ec2.responses.instances:InstanceResponse._validate_block_device_mapping",
        "A disk of the image keeps its size where the call names none.",
        pages.ec2("EbsBlockDevice"),
    )
    def validate_disk(
        self, original: Original, _response: Any, device_mapping: dict[str, Any]
    ) -> None:
        if (
            "Ebs" in device_mapping
            and device_mapping.get("DeviceName")
            and not device_mapping["Ebs"].get("SnapshotId")
        ):
            device_mapping["Ebs"].setdefault("VolumeSize", "15")
        original(device_mapping)

    @corrects(
        "moto.ec2.models.amis:Ami.block_device_mappings",
        "An image's disk says whether it is encrypted, and by which key.",
        pages.ec2("EbsBlockDevice"),
    )
    def describe_disks(self, original: Original, image: Any) -> list[dict[str, Any]]:
        (mapping,) = original(image)
        snapshot = image.ebs_snapshot
        mapping["Ebs"]["Encrypted"] = snapshot.encrypted
        if snapshot.kms_key_id:
            mapping["Ebs"]["KmsKeyId"] = snapshot.kms_key_id
        return [mapping]


def _set_protection(response: Any, state: str) -> ActionResult:
    _image(response).deregistration_protection = state
    return ActionResult({"Return": state})


def _image(response: Any) -> Any:
    image_id = response._get_param("ImageId")
    image = response.ec2_backend.amis.get(image_id)
    if image is None:
        raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    return image
