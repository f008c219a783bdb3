"""What a group launches: a launch template, or a launch configuration in older AWS accounts."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, nothing_there, sentence, tag_list, translated
from domain.errors import Conflict, NotReady
from domain.models import Model
from domain.sections import InstanceSettings

# IMDSv2 is required:
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/launch-configurations.html
_METADATA: Any = {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 2}
VERSION = "1"


class EnsureTemplate(Model):
    """`tags` go on the template, and on its instances and volumes."""

    region: str
    name: str
    image: str
    instance: InstanceSettings
    tags: dict[str, str]
    token: str


class TemplateRef(Model):
    """From `visible_by` on, a resource that AWS does not show does not exist."""

    region: str
    name: str
    visible_by: datetime | None = None


class Templates:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def ensure_launch_template(self, request: EnsureTemplate) -> None:
        """Version 1 is its only one. Raises Conflict where a template of another image exists."""
        instance = request.instance
        data: Any = {
            "ImageId": request.image,
            "InstanceType": instance.type,
            "SecurityGroupIds": list(instance.security_groups),
            "MetadataOptions": _METADATA,
            "TagSpecifications": [
                {"ResourceType": kind, "Tags": tag_list(request.tags)}
                for kind in ("instance", "volume")
            ],
        }
        if instance.profile:
            data["IamInstanceProfile"] = {"Name": instance.profile}
        if user_data := _user_data(instance):
            data["UserData"] = base64.b64encode(user_data.encode()).decode()
        ec2 = self._aws.ec2(request.region)
        try:
            ec2.create_launch_template(
                LaunchTemplateName=request.name,
                ClientToken=request.token,
                LaunchTemplateData=data,
                TagSpecifications=[
                    {"ResourceType": "launch-template", "Tags": tag_list(request.tags)}
                ],
            )
        except ClientError as error:
            if code(error) != "InvalidLaunchTemplateName.AlreadyExistsException":
                raise
            known = ec2.describe_launch_template_versions(
                LaunchTemplateName=request.name, Versions=[VERSION]
            )
            image = known["LaunchTemplateVersions"][0]["LaunchTemplateData"].get("ImageId")
            if image != request.image:
                raise Conflict(
                    f"the launch template {request.name} exists and launches {image}, "
                    f"not {request.image}"
                ) from None

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def delete_launch_template(self, request: TemplateRef) -> None:
        """Does nothing where it does not exist."""
        try:
            self._aws.ec2(request.region).delete_launch_template(LaunchTemplateName=request.name)
        except ClientError as error:
            if not code(error).startswith("InvalidLaunchTemplateName.NotFound"):
                raise
            nothing_there(f"the launch template {request.name}", request.visible_by)

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def ensure_launch_configuration(self, request: EnsureTemplate) -> None:
        """
        A launch configuration cannot have tags: its deterministic name identifies it.

        Raises Conflict where one of another image has the name.
        """
        instance = request.instance
        more: Any = {"IamInstanceProfile": instance.profile} if instance.profile else {}
        if user_data := _user_data(instance):
            more["UserData"] = user_data
        autoscaling = self._aws.autoscaling(request.region)
        try:
            autoscaling.create_launch_configuration(
                LaunchConfigurationName=request.name,
                ImageId=request.image,
                InstanceType=instance.type,
                SecurityGroups=list(instance.security_groups),
                MetadataOptions=_METADATA,
                **more,
            )
        except ClientError as error:
            if code(error) != "AlreadyExists":
                raise
            known = autoscaling.describe_launch_configurations(
                LaunchConfigurationNames=[request.name]
            )["LaunchConfigurations"]
            if not known:
                raise NotReady(
                    f"AWS says that the launch configuration {request.name} exists, "
                    "and does not show it yet"
                ) from None
            if known[0]["ImageId"] != request.image:
                raise Conflict(
                    f"the launch configuration {request.name} exists "
                    f"and does not launch {request.image}"
                ) from None

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def delete_launch_configuration(self, request: TemplateRef) -> None:
        """Does nothing where it does not exist."""
        try:
            self._aws.autoscaling(request.region).delete_launch_configuration(
                LaunchConfigurationName=request.name
            )
        except ClientError as error:
            if code(error) != "ValidationError" or "not found" not in sentence(error):
                raise
            nothing_there(f"the launch configuration {request.name}", request.visible_by)


def _user_data(instance: InstanceSettings) -> str:
    return instance.environment.boot_script if instance.environment else ""
