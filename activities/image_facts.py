"""A machine image as AWS describes it and its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activities.aws import tag_dict
from domain import names
from domain.models import Image

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef


def image_facts(image: ImageTypeDef) -> Image:
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
