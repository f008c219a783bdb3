"""Images: pending for a while, sometimes failed, always a copy of the disk they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from localcloud import pages
from localcloud.faults import IMAGE_KINDS, Fault
from localcloud.machines import copy_disk
from localcloud.patches import Original, corrects, replaces
from localcloud.power import RUNNING, STOPPED
from localcloud.region import Region
from localcloud.upstream import ActionResult, EC2ClientError, backend

_EC2 = "moto.ec2.models:EC2Backend."
_RESPONSE = "moto.ec2.responses.amis:AmisResponse."
# What GetEbsDefaultKmsKeyId says where nobody chose another; what it encrypts cannot be shared.
DEFAULT_KEY = "alias/aws/ebs"


class Images:
    def __init__(self, region: Region) -> None:
        self._region = region

    @corrects(
        _EC2 + "create_image",
        "An image has a free name, is pending until the disk is copied, can fail, and has its tags"
        " and its snapshot's.",
        pages.ec2("CreateImage"),
    )
    def create_image(
        self,
        original: Original,
        ec2: Any,
        instance_id: str,
        name: str,
        description: str,
        tag_specifications: Any,
    ) -> Any:
        _require_free_name(ec2, name)
        instance = ec2.get_instance(instance_id)
        if instance.state_code not in (RUNNING, STOPPED):
            raise EC2ClientError(
                "IncorrectState", f"Instance '{instance_id}' is not in a state to be imaged"
            )
        image = original(ec2, instance_id, name, description, [])
        _tag(image, tag_specifications)
        volume = _root_volume(ec2, instance)
        if ec2.ebs_encryption_by_default or (volume and volume.encrypted):
            _encrypt(image, volume.kms_key_id if volume else None)
        fault = self._region.faults.take(IMAGE_KINDS, "CreateImage", name=name)
        self._become_available(image, self._region.machines[instance_id].root, fault)
        return image

    @replaces(
        _RESPONSE + "copy_image",
        "A copy takes time, and has its own tags, client token and key.",
        pages.ec2("CopyImage"),
    )
    def copy_image(self, response: Any) -> ActionResult:
        ec2, name = response.ec2_backend, response._get_param("Name")
        token = response._get_param("ClientToken")
        if known := _image_of_token(ec2, token):
            return ActionResult({"ImageId": known.id})
        _require_free_name(ec2, name)
        source_id = response._get_param("SourceImageId")
        source_region = response._get_param("SourceRegion")
        source = backend("ec2", source_region).amis.get(source_id)
        if source is None or source.state != "available":
            raise EC2ClientError(
                "InvalidAMIID.NotFound",
                f"The image id '[{source_id}]' does not exist or is not available",
            )
        image = ec2.copy_image(source_id, source_region, name, response._get_param("Description"))
        image.token = token
        image.source_image_id, image.source_image_region = source_id, source_region
        _tag_and_encrypt_copy(response, image, source)
        fault = self._region.faults.take(
            IMAGE_KINDS, "CopyImage", name=name, region=ec2.region_name
        )
        disk = self._region.settings.home / "images" / source_id
        self._become_available(image, disk, fault)
        return ActionResult({"ImageId": image.id})

    @corrects(
        _EC2 + "register_image",
        "A registered image has a free name and an EBS root device.",
        pages.ec2("RegisterImage"),
    )
    def register_image(
        self,
        original: Original,
        ec2: Any,
        name: str | None = None,
        description: str | None = None,
    ) -> Any:
        _require_free_name(ec2, name)
        image = original(ec2, name, description)
        image.root_device_type = "ebs"
        image.architecture = "x86_64"
        return image

    @corrects(
        _RESPONSE + "register_image",
        "A registered image keeps the architecture that the call names.",
        pages.ec2("RegisterImage"),
    )
    def register_with_architecture(self, original: Original, response: Any) -> Any:
        result = original(response)
        image = response.ec2_backend.amis[result._result["ImageId"]]
        image.architecture = response._get_param("Architecture", "x86_64")
        return result

    @corrects(
        _RESPONSE + "deregister_image",
        "A protected image stays; DeleteAssociatedSnapshots deletes the snapshot too.",
        pages.ec2("DeregisterImage"),
    )
    def deregister_image(self, original: Original, response: Any) -> Any:
        image = response.ec2_backend.amis.get(response._get_param("ImageId"))
        if image and getattr(image, "deregistration_protection", "disabled") != "disabled":
            raise EC2ClientError(
                "OperationNotPermitted", f"The image {image.id} is protected against deregistration"
            )
        original(response)
        answer: dict[str, Any] = {"Return": True}
        if image and response._get_bool_param("DeleteAssociatedSnapshots", False):
            snapshot = image.ebs_snapshot.id
            response.ec2_backend.delete_snapshot(snapshot)
            answer["DeleteSnapshotResults"] = [{"SnapshotId": snapshot, "ReturnCode": "success"}]
        return ActionResult(answer)

    def _become_available(self, image: Any, source: Path, fault: Fault | None) -> None:
        """Pending until the disk is copied, and then for as long as an image takes."""
        image.root_device_type = "ebs"
        image.state, image.state_reason = "pending", None
        target = self._region.directory("images", image.id)

        def finish() -> None:
            if image.state != "pending":
                return
            if fault is None:
                image.state = "available"
            elif fault.kind != "image_pending":
                _fail(image, "Snapshot creation failed", fault.kind.removeprefix("image_"))

        def copy() -> None:
            try:
                copy_disk(source, target)
            except OSError as error:
                _fail(image, str(error))
                raise
            self._region.later(self._region.delays.image, finish)

        self._region.in_background(copy)


def _fail(image: Any, why: str, state: str = "failed") -> None:
    image.state = state
    image.state_reason = {"Code": "Client.InternalError", "Message": why}


def _image_of_token(ec2: Any, token: str | None) -> Any:
    images = ec2.amis.values() if token else ()
    return next((image for image in images if getattr(image, "token", None) == token), None)


def _root_volume(ec2: Any, instance: Any) -> Any:
    mappings = [mapping for _, mapping in instance.get_block_device_mapping if mapping.volume_id]
    return ec2.volumes[mappings[0].volume_id] if mappings else None


def _tag_and_encrypt_copy(response: Any, image: Any, source: Any) -> None:
    if response._get_bool_param("CopyImageTags", False):
        image.add_tags(dict(source.ec2_backend.tags.get(source.id, {})))
    _tag(image, response._get_param("TagSpecifications", []))
    if (
        source.ebs_snapshot.encrypted
        or response._get_bool_param("Encrypted", False)
        or response.ec2_backend.ebs_encryption_by_default
    ):
        _encrypt(image, response._get_param("KmsKeyId"))


def _tag(image: Any, specifications: Any) -> None:
    tags = {
        one["ResourceType"]: {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        for one in specifications
    }
    image.add_tags(tags.get("image", {}))
    image.ebs_snapshot.add_tags(tags.get("snapshot", {}))


def _encrypt(image: Any, key: str | None) -> None:
    image.ebs_snapshot.encrypted, image.ebs_snapshot.kms_key_id = True, key or DEFAULT_KEY


def _require_free_name(ec2: Any, name: str | None) -> None:
    taken = next((image for image in ec2.amis.values() if image.name == name), None)
    if taken:
        raise EC2ClientError(
            "InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {taken.id}"
        )
