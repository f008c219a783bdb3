"""Images after their creation: their attributes, and their copies in other regions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from harness import (
    OTHER_REGION,
    Account,
    Network,
    output_of,
    refused,
    run,
    until,
)


@pytest.fixture
def image(account: Account, base: dict[str, Any], name: str) -> Iterator[str]:
    """Of an instance that holds a file."""
    instance = run(account, base)
    output_of(account, instance, "mkdir -p $DESTDIR/srv; echo baked > $DESTDIR/srv/proof")
    made = account.ec2.create_image(InstanceId=instance, Name=name)["ImageId"]
    until(lambda: facts(account, made)["State"] == "available")
    account.ec2.terminate_instances(InstanceIds=[instance])
    yield str(made)
    account.ec2.disable_image_deregistration_protection(ImageId=made)
    account.ec2.deregister_image(ImageId=made)


def facts(account: Account, image: str) -> dict[str, Any]:
    found: dict[str, Any] = account.ec2.describe_images(ImageIds=[image])["Images"][0]
    return found


def available(account: Account, image: str) -> bool:
    return bool(facts(account, image)["State"] == "available")


def test_a_copy_takes_time_is_one_for_its_token_and_is_a_copy(
    account: Account, abroad: tuple[Account, Network], image: str, name: str
) -> None:
    there, network = abroad
    tags = [
        {"ResourceType": kind, "Tags": [{"Key": "of", "Value": name}]}
        for kind in ("image", "snapshot")
    ]
    call = {
        "SourceRegion": "eu-west-1",
        "SourceImageId": image,
        "Name": name,
        "ClientToken": name,
        "TagSpecifications": tags,
    }
    copy = there.ec2.copy_image(**call)["ImageId"]

    assert facts(there, copy)["State"] == "pending"
    assert there.ec2.copy_image(**call)["ImageId"] == copy
    assert (
        refused(there.ec2.copy_image, **call | {"ClientToken": "other"})
        == "InvalidAMIName.Duplicate"
    )
    until(lambda: facts(there, copy)["State"] == "available")
    found = facts(there, copy)
    assert (found["SourceImageId"], found["SourceImageRegion"], found["Tags"]) == (
        image,
        "eu-west-1",
        [{"Key": "of", "Value": name}],
    )
    instance = run(there, network.launch, ImageId=copy)
    assert output_of(there, instance, "cat $DESTDIR/srv/proof") == "baked\n"
    only = [{"Name": "instance-id", "Values": [instance]}]
    assert account.ec2.describe_instances(Filters=only)["Reservations"] == []
    there.ec2.terminate_instances(InstanceIds=[instance])


def test_a_copy_can_fail_in_one_region(
    account: Account, abroad: tuple[Account, Network], image: str, name: str
) -> None:
    there, _ = abroad
    account.fault("image_failed", "CopyImage", match={"name": name, "region": OTHER_REGION})
    copy = there.ec2.copy_image(SourceRegion="eu-west-1", SourceImageId=image, Name=name)["ImageId"]

    until(lambda: facts(there, copy)["State"] == "failed")


def test_what_a_key_of_aws_encrypts_cannot_be_shared(
    abroad: tuple[Account, Network], image: str, name: str
) -> None:
    there, _ = abroad
    call: dict[str, Any] = {"SourceRegion": "eu-west-1", "SourceImageId": image, "Encrypted": True}
    mine = there.ec2.copy_image(**call, Name=f"{name}-mine", KmsKeyId="alias/mine")["ImageId"]
    amazons = there.ec2.copy_image(**call, Name=f"{name}-amazons")["ImageId"]
    share: dict[str, Any] = {"LaunchPermission": {"Add": [{"UserId": "210987654321"}]}}
    for copy in (mine, amazons):
        until(partial(available, there, copy))

    there.ec2.modify_image_attribute(ImageId=mine, **share)
    permissions = there.ec2.describe_image_attribute(ImageId=mine, Attribute="launchPermission")[
        "LaunchPermissions"
    ]
    assert permissions == [{"UserId": "210987654321"}]
    assert facts(there, mine)["BlockDeviceMappings"][0]["Ebs"]["KmsKeyId"] == "alias/mine"
    assert refused(there.ec2.modify_image_attribute, ImageId=amazons, **share) == "InvalidParameter"
    assert there.ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"


def test_a_builders_key_is_its_images_key(
    account: Account, base: dict[str, Any], name: str
) -> None:
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": "alias/mine"}}
    instance = run(account, base, BlockDeviceMappings=[disk])
    image = account.ec2.create_image(InstanceId=instance, Name=name)["ImageId"]

    assert facts(account, image)["BlockDeviceMappings"][0]["Ebs"]["KmsKeyId"] == "alias/mine"
    account.ec2.terminate_instances(InstanceIds=[instance])


def test_an_image_is_stamped_deprecated_and_protected(account: Account, image: str) -> None:
    account.ec2.modify_image_attribute(ImageId=image, ImdsSupport={"Value": "v2.0"})
    account.ec2.enable_image_deprecation(ImageId=image, DeprecateAt="2030-01-01T00:00:00Z")
    account.ec2.enable_image_deregistration_protection(ImageId=image, WithCooldown=False)
    found = facts(account, image)

    assert (found["ImdsSupport"], found["DeprecationTime"][:10]) == ("v2.0", "2030-01-01")
    assert found["DeregistrationProtection"] == "enabled-without-cooldown"
    assert refused(account.ec2.deregister_image, ImageId=image) == "OperationNotPermitted"


def test_a_base_image_has_its_architecture(account: Account, name: str) -> None:
    image = account.ec2.register_image(Name=name, RootDeviceName="/dev/xvda", Architecture="arm64")[
        "ImageId"
    ]
    wanted: list[Any] = [
        {"Name": "architecture", "Values": ["arm64"]},
        {"Name": "name", "Values": [name]},
    ]

    assert [i["ImageId"] for i in account.ec2.describe_images(Filters=wanted)["Images"]] == [image]


def test_an_image_is_pending_then_a_copy_with_tags_on_it_and_its_snapshot(
    account: Account, base: dict[str, Any], name: str
) -> None:
    instance = run(account, base)
    output_of(account, instance, "mkdir -p $DESTDIR/srv; echo baked > $DESTDIR/srv/proof")
    specifications = [
        {"ResourceType": kind, "Tags": [{"Key": "of", "Value": name}]}
        for kind in ("image", "snapshot")
    ]
    image = account.ec2.create_image(
        InstanceId=instance, Name=name, TagSpecifications=specifications
    )["ImageId"]

    def found() -> Any:
        return account.ec2.describe_images(ImageIds=[image])["Images"][0]

    assert found()["State"] == "pending"
    assert (
        refused(account.ec2.create_image, InstanceId=instance, Name=name)
        == "InvalidAMIName.Duplicate"
    )
    assert (
        refused(account.ec2.run_instances, **base | {"ImageId": image})
        == "InvalidAMIID.Unavailable"
    )
    until(lambda: found()["State"] == "available")
    copy = run(account, base, ImageId=image)
    assert output_of(account, copy, "cat $DESTDIR/srv/proof") == "baked\n"
    snapshot = found()["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["Tags"] == [
        {"Key": "of", "Value": name}
    ]
    account.ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
    assert (
        refused(account.ec2.describe_snapshots, SnapshotIds=[snapshot])
        == "InvalidSnapshot.NotFound"
    )
    account.ec2.terminate_instances(InstanceIds=[instance, copy])


def test_an_image_can_fail(account: Account, base: dict[str, Any], name: str) -> None:
    instance = run(account, base)
    account.fault("image_failed", match={"name": name})
    image = account.ec2.create_image(InstanceId=instance, Name=name)["ImageId"]

    until(lambda: account.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "failed")
    account.ec2.terminate_instances(InstanceIds=[instance])
