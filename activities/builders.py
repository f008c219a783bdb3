"""The temporary instance of a bake, and its temporary security group."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, nothing_there, sentence, tag_list, translated
from domain import names
from domain.errors import BakeFailed, NoCapacity, NotReady
from domain.models import Model

_GOING = ("shutting-down", "terminated")


class EnsureSecurityGroup(Model):
    region: str
    name: str
    vpc: str
    tags: dict[str, str]


class LaunchBuilder(Model):
    """
    The same `token` launches the same instance again. It ends itself after `dead_man_minutes`.

    `kms_key` encrypts its disk, and so the image. `user_data` is added to its boot script.
    """

    region: str
    image: str
    type: str
    subnet: str
    security_group: str
    token: str
    tags: dict[str, str]
    profile: str | None = None
    dead_man_minutes: int = 240
    kms_key: str | None = None
    user_data: str = ""


class BuilderRef(Model):
    region: str
    id: str


class OfRelease(Model):
    """
    From `visible_by` on, a resource that AWS does not show does not exist.

    `launched` is the largest number of instances of the release, terminated ones included.
    """

    region: str
    release: str
    visible_by: datetime | None = None
    launched: int = 1


class Builders:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def ensure_security_group(self, request: EnsureSecurityGroup) -> str:
        """
        The group's id. It has no ingress rule.

        SSM needs none. For Packer `ssh_access.admit` adds the worker's address when Packer runs.
        """
        if known := self._security_groups(request.region, "group-name", request.name, request.vpc):
            return known[0]
        try:
            made = self._aws.ec2(request.region).create_security_group(
                GroupName=request.name,
                VpcId=request.vpc,
                Description="Ovenbird bake - temporary - its worker alone may get in",
                TagSpecifications=[
                    {"ResourceType": "security-group", "Tags": tag_list(request.tags)}
                ],
            )
        except ClientError as error:
            if code(error) == "InvalidGroup.Duplicate":
                raise NotReady(
                    f"AWS says that the security group {request.name} exists, "
                    "and does not show it yet"
                ) from None
            raise
        return made["GroupId"]

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def launch_builder(self, request: LaunchBuilder) -> str:
        """The instance's id. Raises NoCapacity where AWS has no capacity in the subnet."""
        more: Any = {"IamInstanceProfile": {"Name": request.profile}} if request.profile else {}
        if request.kms_key:
            root = self._aws.ec2(request.region).describe_images(ImageIds=[request.image])[
                "Images"
            ][0]["RootDeviceName"]
            more["BlockDeviceMappings"] = [
                {"DeviceName": root, "Ebs": {"Encrypted": True, "KmsKeyId": request.kms_key}}
            ]
        try:
            instance: str = self._run(request, more)["Instances"][0]["InstanceId"]
        except ClientError as error:
            if code(error) != "InsufficientInstanceCapacity":
                raise
            raise NoCapacity(
                f"AWS has no {request.type} for the builder in {request.subnet}: {sentence(error)}"
            ) from None
        return instance

    def _run(self, request: LaunchBuilder, more: Any) -> Any:
        return self._aws.ec2(request.region).run_instances(
            ImageId=request.image,
            InstanceType=request.type,  # type: ignore[arg-type]
            MinCount=1,
            MaxCount=1,
            SubnetId=request.subnet,
            SecurityGroupIds=[request.security_group],
            ClientToken=request.token,
            MetadataOptions={"HttpTokens": "required", "HttpEndpoint": "enabled"},
            InstanceInitiatedShutdownBehavior="terminate",
            UserData=f"#!/bin/sh\nshutdown -h +{request.dead_man_minutes}\n{request.user_data}",
            TagSpecifications=[
                {"ResourceType": kind, "Tags": tag_list(request.tags)}
                for kind in ("instance", "volume")
            ],
            **more,
        )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def builder_online(self, request: BuilderRef) -> None:
        """
        Returns once the SSM agent answers.

        Raises NotReady until then, BakeFailed where the instance has ended.
        """
        known = self._aws.ssm(request.region).describe_instance_information(
            Filters=[{"Key": "InstanceIds", "Values": [request.id]}]
        )["InstanceInformationList"]
        if known and known[0].get("PingStatus") == "Online":
            return
        state = self._state(request)
        if state in _GOING:
            raise BakeFailed(
                f"the builder {request.id} is {state}: it ended before its SSM agent answered"
            )
        raise NotReady(f"the builder {request.id} is {state}, its SSM agent does not answer yet")

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def stop_builder(self, request: BuilderRef) -> None:
        """Returns once the builder is stopped and its disk complete. Raises NotReady until then."""
        state = self._state(request)
        if state == "stopped":
            return
        if state in _GOING:
            raise BakeFailed(
                f"the builder {request.id} is {state}: it ended before its image was made"
            )
        if state == "running":
            self._aws.ec2(request.region).stop_instances(InstanceIds=[request.id])
        raise NotReady(f"the builder {request.id} is {state}")

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def destroy_builders(self, request: OfRelease) -> None:
        """
        Terminates all instances of this bake, and deletes the key pairs that Packer made for them.

        They are found by tag, since the reply to a launch may be lost. Raises NotReady until all
        are terminated.
        """
        ec2 = self._aws.ec2(request.region)
        pages = ec2.get_paginator("describe_instances").paginate(
            Filters=[
                {"Name": f"tag:{names.RELEASE}", "Values": [request.release]},
            ]
        )
        found = [i for page in pages for r in page["Reservations"] for i in r["Instances"]]
        left = [i for i in found if i["State"]["Name"] != "terminated"]
        alive = [i["InstanceId"] for i in left if i["State"]["Name"] != "shutting-down"]
        if alive:
            ec2.terminate_instances(InstanceIds=alive)
            for pair in {i.get("KeyName", "") for i in left}:
                if pair.startswith(names.BAKE):
                    ec2.delete_key_pair(KeyName=pair)
        if left:
            raise NotReady(f"{', '.join(i['InstanceId'] for i in left)} still shutting down")
        if len(found) < request.launched:
            nothing_there(
                f"all {request.launched} instances of the bake"
                if request.launched > 1
                else "the builder",
                request.visible_by,
            )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def delete_security_groups(self, request: OfRelease) -> None:
        """
        Deletes all security groups of this bake, found by tag.

        Raises NotReady while a network interface uses one.
        """
        groups = self._security_groups(request.region, f"tag:{names.RELEASE}", request.release)
        if not groups:
            nothing_there("the temporary security group", request.visible_by)
        for group in groups:
            try:
                self._aws.ec2(request.region).delete_security_group(GroupId=group)
            except ClientError as error:
                if code(error) == "DependencyViolation":
                    raise NotReady(
                        f"the security group {group} is still used by a network interface"
                    ) from None
                if code(error) != "InvalidGroup.NotFound":
                    raise

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def delete_key_pair(self, request: BuilderRef) -> None:
        """By its name. AWS reports no error where it does not exist."""
        self._aws.ec2(request.region).delete_key_pair(KeyName=request.id)

    def _state(self, request: BuilderRef) -> str:
        reservations = self._aws.ec2(request.region).describe_instances(InstanceIds=[request.id])[
            "Reservations"
        ]
        return reservations[0]["Instances"][0]["State"]["Name"] if reservations else "unknown"

    def _security_groups(
        self, region: str, key: str, value: str, vpc: str | None = None
    ) -> list[str]:
        filters: Any = [{"Name": key, "Values": [value]}] + (
            [{"Name": "vpc-id", "Values": [vpc]}] if vpc else []
        )
        found = self._aws.ec2(region).describe_security_groups(Filters=filters)["SecurityGroups"]
        return [group["GroupId"] for group in found]
