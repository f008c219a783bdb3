"""The manifests of images, which are stored beside their logs in the artifacts bucket."""

from __future__ import annotations

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, translated
from domain import names
from domain.errors import InvalidRequest
from domain.manifest import Differences, Manifest, differences
from domain.models import Model

# Bytes. One that a bake wrote has a few megabytes.
LARGEST = 64 * 1024 * 1024


class CompareImages(Model):
    """`was` and `now` are names of images."""

    region: str
    bucket: str
    was: str
    now: str


class Manifests:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def compare_images(self, request: CompareImages) -> Differences:
        """Raises InvalidRequest where one of the images has no manifest."""
        return differences(*(self._read(request, image) for image in (request.was, request.now)))

    def _read(self, request: CompareImages, image: str) -> Manifest:
        key = names.manifest(image)
        try:
            text = (
                self._aws.s3(request.region)
                .get_object(Bucket=request.bucket, Key=key)["Body"]
                .read(LARGEST + 1)
            )
        except ClientError as error:
            # Without s3:ListBucket, S3 answers AccessDenied for a missing object.
            if code(error) not in ("NoSuchKey", "404", "AccessDenied"):
                raise
            raise InvalidRequest(
                f"there is no manifest of {image}: s3://{request.bucket}/{key} is not there; "
                "an older Ovenbird baked it"
            ) from None
        try:
            if len(text) > LARGEST:
                raise ValueError
            return Manifest.model_validate_json(text)
        # pydantic's ValidationError is a ValueError.
        except ValueError:
            raise InvalidRequest(f"s3://{request.bucket}/{key} is no manifest") from None
