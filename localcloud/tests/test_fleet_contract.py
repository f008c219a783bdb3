"""Corrections of moto that a fleet and its balancer depend on; see test_contract.py."""

from __future__ import annotations

from typing import Any

from harness import Account, Front, Network, members, refused, until


def test_a_group_launches_in_time_over_the_zones_from_its_version(
    account: Account, group: str
) -> None:
    until(lambda: len(members(account, group)) == 2)
    until(lambda: all(m["LifecycleState"] == "InService" for m in members(account, group)))
    found = members(account, group)

    assert len({m["AvailabilityZone"] for m in found}) == 2
    assert {m["LaunchTemplate"]["Version"] for m in found} == {"1"}
    instance: Any = account.ec2.describe_instances(InstanceIds=[found[0]["InstanceId"]])[
        "Reservations"
    ][0]["Instances"][0]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    activities = account.autoscaling.describe_scaling_activities(AutoScalingGroupName=group)[
        "Activities"
    ]
    assert [a["StatusCode"] for a in activities] == ["Successful", "Successful"]


def test_a_groups_name_and_bounds_are_kept(account: Account, network: Network, group: str) -> None:
    call = {
        "AutoScalingGroupName": group,
        "MinSize": 0,
        "MaxSize": 1,
        "VPCZoneIdentifier": network.subnets[0],
    }
    template = {"LaunchTemplateName": group, "Version": "1"}
    assert (
        refused(account.autoscaling.create_auto_scaling_group, **call, LaunchTemplate=template)
        == "AlreadyExists"
    )
    assert (
        refused(
            account.autoscaling.set_desired_capacity, AutoScalingGroupName=group, DesiredCapacity=9
        )
        == "ValidationError"
    )
    assert (
        refused(
            account.autoscaling.update_auto_scaling_group, AutoScalingGroupName=group, MinSize=5
        )
        == "ValidationError"
    )
    assert (
        refused(
            account.autoscaling.set_desired_capacity,
            AutoScalingGroupName="nobody",
            DesiredCapacity=1,
        )
        == "ValidationError"
    )
    account.autoscaling.update_auto_scaling_group(AutoScalingGroupName=group, MinSize=3)
    assert account.groups(group)[0]["DesiredCapacity"] == 3


def test_a_group_with_instances_is_not_deleted_without_force(account: Account, group: str) -> None:
    until(lambda: len(members(account, group)) == 2)
    assert (
        refused(account.autoscaling.delete_auto_scaling_group, AutoScalingGroupName=group)
        == "ResourceInUse"
    )
    account.autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=group, MinSize=0, DesiredCapacity=0
    )
    until(lambda: not members(account, group))
    account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=group)
    assert (
        refused(account.autoscaling.delete_auto_scaling_group, AutoScalingGroupName=group)
        == "ValidationError"
    )


def test_a_terminated_member_is_replaced_unless_that_is_suspended(
    account: Account, group: str
) -> None:
    until(lambda: len(members(account, group)) == 2)
    account.autoscaling.suspend_processes(AutoScalingGroupName=group, ScalingProcesses=["Launch"])
    victim = members(account, group)[0]["InstanceId"]
    account.ec2.terminate_instances(InstanceIds=[victim])
    until(lambda: victim not in [m["InstanceId"] for m in members(account, group)])
    assert len(members(account, group)) == 1
    account.autoscaling.resume_processes(AutoScalingGroupName=group, ScalingProcesses=["Launch"])
    until(lambda: len(members(account, group)) == 2)


def test_missing_capacity_is_a_failed_activity_and_is_tried_again(
    account: Account, group: str
) -> None:
    until(lambda: len(members(account, group)) == 2)
    account.fault("insufficient_capacity", match={"tags": group})
    account.autoscaling.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=3)
    until(lambda: len(members(account, group)) == 3)
    activities = account.autoscaling.describe_scaling_activities(AutoScalingGroupName=group)[
        "Activities"
    ]

    failed = [a for a in activities if a["StatusCode"] == "Failed"]
    assert len(failed) == 1
    assert "sufficient t3.micro capacity" in failed[0]["StatusMessage"]


def test_policies_belong_to_their_group(account: Account, front: Front, group: str) -> None:
    put = account.autoscaling.put_scaling_policy

    def policy(metric: str, label: str = "") -> dict[str, Any]:
        specification = {"PredefinedMetricType": metric} | (
            {"ResourceLabel": label} if label else {}
        )
        return {
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingConfiguration": {
                "PredefinedMetricSpecification": specification,
                "TargetValue": 50.0,
            },
        }

    put(AutoScalingGroupName=group, PolicyName="cpu", **policy("ASGAverageCPUUtilization"))
    suffix = front.target_group.split(":")[-1]
    requests = policy("ALBRequestCountPerTarget", f"app/front/1/{suffix}")
    assert (
        refused(put, AutoScalingGroupName=group, PolicyName="requests", **requests)
        == "ValidationError"
    )
    found = account.autoscaling.describe_policies(AutoScalingGroupName=group)["ScalingPolicies"]
    assert [p["PolicyName"] for p in found] == ["cpu"]
    assert (
        refused(account.autoscaling.delete_policy, AutoScalingGroupName=group, PolicyName="other")
        == "ValidationError"
    )
    account.autoscaling.delete_policy(AutoScalingGroupName=group, PolicyName="cpu")
    assert (
        account.autoscaling.describe_policies(AutoScalingGroupName=group)["ScalingPolicies"] == []
    )
