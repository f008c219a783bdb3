"""Launch templates and launch configurations."""

from __future__ import annotations

from harness import (
    Account,
    Network,
    refused,
)


def test_launch_templates_keep_their_token_their_list_and_their_filter(
    account: Account, web_image: str, name: str
) -> None:
    data = {"ImageId": web_image, "InstanceType": "t3.micro"}
    call = {"LaunchTemplateName": name, "ClientToken": name, "LaunchTemplateData": data}
    first = account.ec2.create_launch_template(**call)["LaunchTemplate"]["LaunchTemplateId"]
    many = [f"{name}-{number}" for number in range(20)]
    for other in many:
        account.ec2.create_launch_template(
            LaunchTemplateName=other, LaunchTemplateData={"ImageId": "ami-other"}
        )

    assert account.ec2.create_launch_template(**call)["LaunchTemplate"]["LaunchTemplateId"] == first
    listed = {
        template["LaunchTemplateName"]
        for template in account.ec2.describe_launch_templates()["LaunchTemplates"]
    }
    assert {name, *many} <= listed
    versions = account.ec2.describe_launch_template_versions(
        Versions=["$Latest"], Filters=[{"Name": "image-id", "Values": ["ami-other"]}]
    )
    assert {v["LaunchTemplateName"] for v in versions["LaunchTemplateVersions"]} == set(many)
    for template in (name, *many):
        account.ec2.delete_launch_template(LaunchTemplateName=template)
    assert (
        refused(account.ec2.delete_launch_template, LaunchTemplateName=name)
        == "InvalidLaunchTemplateName.NotFoundException"
    )


def test_launch_configurations_are_not_overwritten_and_not_deleted_in_use(
    account: Account, network: Network, web_image: str, name: str
) -> None:
    call = {"LaunchConfigurationName": name, "ImageId": web_image, "InstanceType": "t3.micro"}
    account.autoscaling.create_launch_configuration(**call)
    assert refused(account.autoscaling.create_launch_configuration, **call) == "AlreadyExists"
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchConfigurationName=name,
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=network.subnets[0],
    )
    assert (
        refused(account.autoscaling.delete_launch_configuration, LaunchConfigurationName=name)
        == "ResourceInUse"
    )
    account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name)
    account.autoscaling.delete_launch_configuration(LaunchConfigurationName=name)
    assert (
        refused(account.autoscaling.delete_launch_configuration, LaunchConfigurationName=name)
        == "ValidationError"
    )
