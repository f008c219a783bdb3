"""Images: pending for a while, sometimes failed, and always a real copy of the disk they were made from."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.responses.amis import AmisResponse

from localcloud.faults import IMAGE_KINDS
from localcloud.instances import RUNNING, STOPPED
from localcloud.machines import copy_disk
from localcloud.region import Region, correct


def install(region: Region) -> None:
    @correct(EC2Backend, "create_image")
    def create_image(original: Any, self: Any, instance_id: str, name: str, description: str, tag_specifications: Any) -> Any:
        _require_free_name(self, name)
        instance = self.get_instance(instance_id)
        if instance.state_code not in (RUNNING, STOPPED):
            raise EC2ClientError("IncorrectState", f"Instance '{instance_id}' is not in a state to be imaged")
        tags = {spec["ResourceType"]: {tag["Key"]: tag["Value"] for tag in spec["Tags"]} for spec in tag_specifications}
        image = original(self, instance_id, name, description, [])
        image.root_device_type = "ebs"
        image.add_tags(tags.get("image", {}))
        image.ebs_snapshot.add_tags(tags.get("snapshot", {}))
        image.state = "pending"
        image.state_reason = None
        fault = region.faults.take(IMAGE_KINDS, "CreateImage", name=name)
        source = region.machines[instance_id].root
        target = region.directory("images", image.id)

        def finish() -> None:
            if image.state == "pending" and not (fault and fault.kind == "image_pending"):
                image.state = fault.kind.removeprefix("image_") if fault else "available"
                if fault:
                    image.state_reason = {"Code": "Client.InternalError", "Message": "Snapshot creation failed"}

        def copy() -> None:
            try:
                copy_disk(source, target)
            except OSError as error:
                image.state, image.state_reason = "failed", {"Code": "Client.InternalError", "Message": str(error)}
                raise
            region.later(region.delays.image, finish)

        region.in_background(copy)
        return image

    @correct(EC2Backend, "register_image")
    def register_image(original: Any, self: Any, name: str | None = None, description: str | None = None) -> Any:
        _require_free_name(self, name)
        image = original(self, name, description)
        image.root_device_type = "ebs"
        image.architecture = "x86_64"
        return image

    @correct(AmisResponse, "deregister_image")
    def deregister_image(original: Any, self: Any) -> Any:
        """Moto ignores DeleteAssociatedSnapshots."""
        image = self.ec2_backend.amis.get(self._get_param("ImageId"))
        original(self)
        if image and self._get_bool_param("DeleteAssociatedSnapshots", False):
            self.ec2_backend.delete_snapshot(image.ebs_snapshot.id)
            return ActionResult(
                {
                    "Return": True,
                    "DeleteSnapshotResults": [{"SnapshotId": image.ebs_snapshot.id, "ReturnCode": "success"}],
                }
            )
        return ActionResult({"Return": True})


def _require_free_name(ec2: Any, name: str | None) -> None:
    taken = next((image for image in ec2.amis.values() if image.name == name), None)
    if taken:
        raise EC2ClientError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {taken.id}")
