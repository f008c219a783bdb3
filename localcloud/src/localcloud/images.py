"""Images: pending for a while, sometimes failed, and always a real copy of the disk they were made from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.amis import Ami
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.settings import Settings

from localcloud.faults import IMAGE_KINDS, Fault
from localcloud.instances import RUNNING, STOPPED
from localcloud.machines import copy_disk
from localcloud.region import Region, backend, correct

# What GetEbsDefaultKmsKeyId says where nobody chose another one; what it encrypts cannot be shared.
DEFAULT_KEY = "alias/aws/ebs"


def install(region: Region) -> None:
    @correct(EC2Backend, "create_image")
    def create_image(
        original: Any,
        self: Any,
        instance_id: str,
        name: str,
        description: str,
        tag_specifications: Any,
    ) -> Any:
        _require_free_name(self, name)
        instance = self.get_instance(instance_id)
        if instance.state_code not in (RUNNING, STOPPED):
            raise EC2ClientError(
                "IncorrectState", f"Instance '{instance_id}' is not in a state to be imaged"
            )
        image = original(self, instance_id, name, description, [])
        _tag(image, tag_specifications)
        volume = next(
            (
                self.volumes[mapping.volume_id]
                for _, mapping in instance.get_block_device_mapping
                if mapping.volume_id
            ),
            None,
        )
        if self.ebs_encryption_by_default or (volume and volume.encrypted):
            _encrypt(image, volume.kms_key_id if volume else None)
        fault = region.faults.take(IMAGE_KINDS, "CreateImage", name=name)
        _become_available(region, image, region.machines[instance_id].root, fault)
        return image

    def copy_image(self: Any) -> ActionResult:
        """Moto's own knows neither tags nor tokens nor keys, and takes no time."""
        ec2, source_id, name = (
            self.ec2_backend,
            self._get_param("SourceImageId"),
            self._get_param("Name"),
        )
        token = self._get_param("ClientToken")
        if token and (
            known := next(
                (i for i in ec2.amis.values() if getattr(i, "token", None) == token), None
            )
        ):
            return ActionResult({"ImageId": known.id})
        _require_free_name(ec2, name)
        source = backend(ec2_backends, self._get_param("SourceRegion")).amis.get(source_id)
        if source is None or source.state != "available":
            raise EC2ClientError(
                "InvalidAMIID.NotFound",
                f"The image id '[{source_id}]' does not exist or is not available",
            )
        image = ec2.copy_image(
            source_id, self._get_param("SourceRegion"), name, self._get_param("Description")
        )
        image.token, image.source_image_id, image.source_image_region = (
            token,
            source_id,
            self._get_param("SourceRegion"),
        )
        copied = (
            dict(source.ec2_backend.tags.get(source.id, {}))
            if self._get_bool_param("CopyImageTags", False)
            else {}
        )
        image.add_tags(copied)
        _tag(image, self._get_param("TagSpecifications", []))
        if (
            source.ebs_snapshot.encrypted
            or self._get_bool_param("Encrypted", False)
            or ec2.ebs_encryption_by_default
        ):
            _encrypt(image, self._get_param("KmsKeyId"))
        fault = region.faults.take(IMAGE_KINDS, "CopyImage", name=name, region=ec2.region_name)
        _become_available(region, image, region.settings.home / "images" / source_id, fault)
        return ActionResult({"ImageId": image.id})

    AmisResponse.copy_image = copy_image

    @correct(EC2Backend, "register_image")
    def register_image(
        original: Any, self: Any, name: str | None = None, description: str | None = None
    ) -> Any:
        _require_free_name(self, name)
        image = original(self, name, description)
        image.root_device_type = "ebs"
        image.architecture = "x86_64"
        return image

    @correct(AmisResponse, "register_image")
    def with_architecture(original: Any, self: Any) -> Any:
        result = original(self)
        self.ec2_backend.amis[result._result["ImageId"]].architecture = self._get_param(
            "Architecture", "x86_64"
        )
        return result

    @correct(AmisResponse, "deregister_image")
    def deregister_image(original: Any, self: Any) -> Any:
        """Moto ignores DeleteAssociatedSnapshots."""
        image = self.ec2_backend.amis.get(self._get_param("ImageId"))
        if image and getattr(image, "deregistration_protection", "disabled") != "disabled":
            raise EC2ClientError(
                "OperationNotPermitted", f"The image {image.id} is protected against deregistration"
            )
        original(self)
        if image and self._get_bool_param("DeleteAssociatedSnapshots", False):
            self.ec2_backend.delete_snapshot(image.ebs_snapshot.id)
            return ActionResult(
                {
                    "Return": True,
                    "DeleteSnapshotResults": [
                        {"SnapshotId": image.ebs_snapshot.id, "ReturnCode": "success"}
                    ],
                }
            )
        return ActionResult({"Return": True})

    _attributes()


def _attributes() -> None:
    """What moto lacks: IMDSv2, deprecation, protection, and keys."""

    @correct(AmisResponse, "modify_image_attribute")
    def modify_image_attribute(original: Any, self: Any) -> Any:
        image = _image(self)
        if support := self._get_param("ImdsSupport"):
            image.imds_support = support["Value"]
            return EmptyResult()
        if (
            self._get_param("LaunchPermission", {}).get("Add")
            and image.ebs_snapshot.kms_key_id == DEFAULT_KEY
        ):
            raise EC2ClientError(
                "InvalidParameter", "Snapshots encrypted with the AWS Managed CMK can't be shared"
            )
        return original(self)

    def enable_image_deprecation(self: Any) -> ActionResult:
        _image(self).deprecation_time = str(self._get_param("DeprecateAt"))
        return ActionResult({"Return": True})

    def protect(state: str) -> Callable[[Any], ActionResult]:
        def change(self: Any) -> ActionResult:
            if self._get_bool_param("WithCooldown", False):
                raise NotImplementedError("deregistration protection with a cooldown")
            _image(self).deregistration_protection = state
            return ActionResult({"Return": state})

        return change

    @correct(InstanceResponse, "_validate_block_device_mapping")
    def validate(original: Any, self: Any, mapping: dict[str, Any]) -> None:
        """The image's own disk keeps its size where none is given."""
        if "Ebs" in mapping and mapping.get("DeviceName") and not mapping["Ebs"].get("SnapshotId"):
            mapping["Ebs"].setdefault("VolumeSize", "15")
        original(mapping)

    AmisResponse.enable_image_deprecation = enable_image_deprecation
    AmisResponse.enable_image_deregistration_protection = protect("enabled-without-cooldown")
    AmisResponse.disable_image_deregistration_protection = protect("disabled")
    Settings.get_ebs_default_kms_key_id = lambda self: ActionResult(  # noqa: ARG005 (a method)
        {"KmsKeyId": DEFAULT_KEY}
    )
    mappings = Ami.block_device_mappings.fget

    def with_keys(self: Any) -> Any:
        (mapping,) = mappings(self)
        snapshot = self.ebs_snapshot
        mapping["Ebs"] |= {"Encrypted": snapshot.encrypted} | (
            {"KmsKeyId": snapshot.kms_key_id} if snapshot.kms_key_id else {}
        )
        return [mapping]

    Ami.block_device_mappings = property(with_keys)


def _image(response: Any) -> Any:
    image_id = response._get_param("ImageId")
    image = response.ec2_backend.amis.get(image_id)
    if image is None:
        raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    return image


def _tag(image: Any, specifications: Any) -> None:
    tags = {
        spec["ResourceType"]: {tag["Key"]: tag["Value"] for tag in spec["Tags"]}
        for spec in specifications
    }
    image.add_tags(tags.get("image", {}))
    image.ebs_snapshot.add_tags(tags.get("snapshot", {}))


def _encrypt(image: Any, key: str | None) -> None:
    image.ebs_snapshot.encrypted, image.ebs_snapshot.kms_key_id = True, key or DEFAULT_KEY


def _become_available(region: Region, image: Any, source: Path, fault: Fault | None) -> None:
    """Pending until the disk is copied, and then for as long as an image takes."""
    image.root_device_type = "ebs"
    image.state, image.state_reason = "pending", None
    target = region.directory("images", image.id)

    def finish() -> None:
        if image.state == "pending" and not (fault and fault.kind == "image_pending"):
            image.state = fault.kind.removeprefix("image_") if fault else "available"
            if fault:
                image.state_reason = {
                    "Code": "Client.InternalError",
                    "Message": "Snapshot creation failed",
                }

    def copy() -> None:
        try:
            copy_disk(source, target)
        except OSError as error:
            image.state, image.state_reason = (
                "failed",
                {"Code": "Client.InternalError", "Message": str(error)},
            )
            raise
        region.later(region.delays.image, finish)

    region.in_background(copy)


def _require_free_name(ec2: Any, name: str | None) -> None:
    taken = next((image for image in ec2.amis.values() if image.name == name), None)
    if taken:
        raise EC2ClientError(
            "InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {taken.id}"
        )
