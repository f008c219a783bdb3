"""Images by their names, which are the same for the same bake: found, adopted, tagged, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from activities.aws import Aws, code, tag_dict, tag_list
from activities.image_facts import image_facts
from domain import names
from domain.errors import AwsRefused, Conflict

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef

# States from which an image never becomes available.
FAILED = ("failed", "invalid", "error")
# Error codes of an image that does not exist.
GONE = ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable")


class NamedImages:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def named(self, region: str, name: str) -> ImageTypeDef | None:
        """None where this account has no image of that name. Disabled images are included."""
        images = self._aws.ec2(region).describe_images(
            IncludeDisabled=True, Owners=["self"], Filters=[{"Name": "name", "Values": [name]}]
        )["Images"]
        return images[0] if images else None

    @staticmethod
    def adopt(image: ImageTypeDef, name: str, wanted: dict[str, str]) -> str:
        """
        The id of the existing image, where its application, commit, recipe and base image are ours.

        Its release may differ: a terminated bake may have left a complete image. Raises Conflict.
        """
        tags = tag_dict(image.get("Tags"))
        if any(
            tags.get(key) != wanted[key]
            for key in (names.APPLICATION, names.COMMIT, names.RECIPE, names.BASE_IMAGE)
        ):
            raise Conflict(
                f"the image name {name} is taken by {image['ImageId']}, which another bake made; "
                "deregister it if it is of no use"
            )
        return image["ImageId"]

    def take_over(
        self, region: str, name: str, *, release: str, tags: dict[str, str]
    ) -> str | None:
        """
        The id of the named image that this bake's own instance became; None where there is none.

        The image is tagged. A failed one is removed. Raises Conflict where another bake made it.
        """
        image = self.named(region, name)
        if image is None:
            return None
        if self.is_untagged_but_ours(region, image, release):
            self.tag_image(region, image["ImageId"], tags)
            image["Tags"] = tag_list(tags)
        known = self.adopt(image, name, tags)
        if image.get("State") in FAILED:
            self.deregister(region, known)
            return None
        return known

    def is_untagged_but_ours(self, region: str, image: ImageTypeDef, release: str) -> bool:
        """
        Packer tags an image only once it is available. Until then its source instance identifies
        the bake.
        """
        source = image.get("SourceInstanceId")
        if not source or names.RELEASE in tag_dict(image.get("Tags")):
            return False
        wanted: Any = [
            {"Name": f"tag:{names.RELEASE}", "Values": [release]},
            {"Name": "instance-id", "Values": [source]},
        ]
        return bool(self._aws.ec2(region).describe_instances(Filters=wanted)["Reservations"])

    def tag_image(self, region: str, image: str, tags: dict[str, str]) -> None:
        """Tags the image and its snapshots, unless the image has all of the tags."""
        known = self._aws.ec2(region).describe_images(ImageIds=[image])["Images"]
        if known and tags.items() <= tag_dict(known[0].get("Tags")).items():
            return
        snapshots = image_facts(known[0]).snapshots if known else ()
        self._aws.ec2(region).create_tags(Resources=[image, *snapshots], Tags=tag_list(tags))

    def deregister(self, region: str, image: str) -> None:
        """
        With its snapshots. Does nothing where it does not exist.

        Raises AwsRefused where a snapshot stays: AWS answers so, and deregisters the image.
        """
        try:
            answer = self._aws.ec2(region).deregister_image(
                ImageId=image, DeleteAssociatedSnapshots=True
            )
        except ClientError as error:
            if code(error) not in GONE:
                raise
            return
        # One that another image uses is skipped: it goes with that one.
        stays = [
            f"{result['SnapshotId']} ({result['ReturnCode']})"
            for result in answer.get("DeleteSnapshotResults", [])
            if result["ReturnCode"] not in ("success", "skipped")
        ]
        if stays:
            raise AwsRefused(
                f"AWS deregistered {image} and did not delete its snapshots {', '.join(stays)}: "
                "a sweep of the stack finds them, and tries again"
            )
