"""What keeps a member from its end, and what a person does to it; see groups.py and members.py."""

from __future__ import annotations

from functools import partial

from harness import Account, Front, health, members, refused, until


def states(account: Account, group: str) -> list[str]:
    return sorted(member["LifecycleState"] for member in members(account, group))


def in_service(account: Account, group: str, number: int = 2) -> list[str]:
    """The ids of its members, once they serve."""
    until(lambda: states(account, group) == ["InService"] * number)
    return [member["InstanceId"] for member in members(account, group)]


def to_zero(account: Account, group: str) -> None:
    account.autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=group, MinSize=0, DesiredCapacity=0
    )


def test_one_member_that_leaves_makes_the_protection_of_all_refused(
    account: Account, group: str
) -> None:
    autoscaling = account.autoscaling
    leaves, stays = in_service(account, group)
    autoscaling.put_lifecycle_hook(
        AutoScalingGroupName=group,
        LifecycleHookName="ship-logs",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=3600,
    )
    terminate = autoscaling.terminate_instance_in_auto_scaling_group
    terminate(InstanceId=leaves, ShouldDecrementDesiredCapacity=True)
    until(lambda: states(account, group) == ["InService", "Terminating:Wait"])
    protect = partial(autoscaling.set_instance_protection, AutoScalingGroupName=group)

    both = {"InstanceIds": [stays, leaves], "ProtectedFromScaleIn": True}
    assert refused(protect, **both) == "ValidationError"
    assert not any(member["ProtectedFromScaleIn"] for member in members(account, group))
    protect(InstanceIds=[stays], ProtectedFromScaleIn=True)
    assert [m["InstanceId"] for m in members(account, group) if m["ProtectedFromScaleIn"]] == [
        stays
    ]
    strange = {"InstanceId": "i-0123456789abcdef0", "ShouldDecrementDesiredCapacity": False}
    assert refused(terminate, **strange) == "ValidationError"
    for instance in (stays, leaves):
        if instance == stays:
            terminate(InstanceId=stays, ShouldDecrementDesiredCapacity=True)
            until(lambda: states(account, group) == ["Terminating:Wait"] * 2)
        autoscaling.complete_lifecycle_action(
            AutoScalingGroupName=group,
            LifecycleHookName="ship-logs",
            InstanceId=instance,
            LifecycleActionResult="CONTINUE",
        )
    until(lambda: not members(account, group))


def test_a_suspended_terminate_and_protection_keep_members_at_size_zero(
    account: Account, group: str
) -> None:
    autoscaling = account.autoscaling
    protected, other = in_service(account, group)
    autoscaling.suspend_processes(AutoScalingGroupName=group, ScalingProcesses=["Terminate"])
    autoscaling.set_instance_protection(
        AutoScalingGroupName=group, InstanceIds=[protected], ProtectedFromScaleIn=True
    )
    to_zero(account, group)
    account.ec2.terminate_instances(InstanceIds=[other])
    until(lambda: [m["HealthStatus"] for m in members(account, group)].count("Unhealthy") == 1)
    assert states(account, group) == ["InService"] * 2

    autoscaling.resume_processes(AutoScalingGroupName=group, ScalingProcesses=["Terminate"])
    until(lambda: len(members(account, group)) == 1)
    assert [m["InstanceId"] for m in members(account, group)] == [protected]
    # A person who names it ends it all the same.
    autoscaling.terminate_instance_in_auto_scaling_group(
        InstanceId=protected, ShouldDecrementDesiredCapacity=False
    )
    until(lambda: not members(account, group))


def test_a_member_on_standby_is_out_of_the_balancer_and_is_not_counted(
    account: Account, front: Front, group: str
) -> None:
    autoscaling = account.autoscaling
    aside, _ = in_service(account, group)
    autoscaling.attach_load_balancer_target_groups(
        AutoScalingGroupName=group, TargetGroupARNs=[front.target_group]
    )
    until(lambda: health(account, front).get(aside, {}).get("State") == "healthy")
    name = {"AutoScalingGroupName": group, "InstanceIds": [aside]}

    assert refused(autoscaling.exit_standby, **name) == "ValidationError"
    autoscaling.enter_standby(ShouldDecrementDesiredCapacity=False, **name)
    assert health(account, front)[aside]["State"] == "draining"
    until(lambda: states(account, group) == ["InService", "InService", "Standby"])
    until(lambda: aside not in health(account, front))
    autoscaling.exit_standby(**name)
    until(lambda: aside in health(account, front))
    assert account.groups(group)[0]["DesiredCapacity"] == 3

    until(lambda: states(account, group) == ["InService"] * 3)
    autoscaling.enter_standby(ShouldDecrementDesiredCapacity=True, **name)
    to_zero(account, group)
    until(lambda: states(account, group) == ["Standby"])
    autoscaling.terminate_instance_in_auto_scaling_group(
        InstanceId=aside, ShouldDecrementDesiredCapacity=False
    )
    until(lambda: not members(account, group))


def test_a_member_that_is_detached_leaves_the_balancer_and_lives_on(
    account: Account, front: Front, group: str
) -> None:
    leaves, stays = in_service(account, group)
    account.autoscaling.attach_load_balancer_target_groups(
        AutoScalingGroupName=group, TargetGroupARNs=[front.target_group]
    )
    until(lambda: {leaves, stays} <= health(account, front).keys())

    account.autoscaling.detach_instances(
        AutoScalingGroupName=group, InstanceIds=[leaves], ShouldDecrementDesiredCapacity=False
    )

    until(lambda: leaves not in health(account, front))
    assert stays in health(account, front)
    assert leaves not in [member["InstanceId"] for member in members(account, group)]
    found = account.ec2.describe_instances(InstanceIds=[leaves])["Reservations"][0]["Instances"]
    assert found[0]["State"]["Name"] == "running"
