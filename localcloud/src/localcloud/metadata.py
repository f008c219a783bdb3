"""
The instance metadata service, version 2, of every instance.

It answers below /localcloud/metadata/INSTANCE/: 169.254.169.254 is not ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.region import Region, find_instance

PREFIX = "/localcloud/metadata/"
ROLES = "meta-data/iam/security-credentials/"
# It guards nothing: it shows that the caller speaks version 2.
TOKEN = "local-metadata-token"  # noqa: S105


def answer(region: Region, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """
    A part of what an instance can ask.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
    """
    instance_id, _, path = environ["PATH_INFO"].removeprefix(PREFIX).partition("/latest/")
    if environ["REQUEST_METHOD"] == "PUT" and path == "api/token":
        return _reply(start, "200 OK", TOKEN)
    if environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN") != TOKEN:
        return _reply(start, "401 Unauthorized", "")
    with region.lock:
        instance = find_instance(instance_id)
        found = _find(instance, path) if instance else None
    return _reply(start, "404 Not Found" if found is None else "200 OK", found or "")


def _find(instance: Any, path: str) -> str | None:
    if path == "user-data":
        return instance.user_data.decode() if instance.user_data else None
    if path == "meta-data/instance-id":
        return str(instance.id)
    if path == "meta-data/placement/region":
        return str(instance.ec2_backend.region_name)
    if path.startswith(ROLES):
        profile = _profile(instance)
        if not profile:
            return None
        if path == ROLES:
            return profile
        expires = datetime.now(UTC) + timedelta(hours=6)
        return json.dumps(
            {
                "Code": "Success",
                "AccessKeyId": f"role-of-{instance.id}",
                "SecretAccessKey": "localcloud",
                "Token": "localcloud",
                "Expiration": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
            }
        )
    return None


def _profile(instance: Any) -> str:
    association = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    return (
        str(association.iam_instance_profile.name)
        if association
        else instance.iam_instance_profile or ""
    )


def _reply(start: Any, status: str, text: str) -> Iterable[bytes]:
    body = text.encode()
    start(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
