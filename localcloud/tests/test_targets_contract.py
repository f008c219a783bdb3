"""Targets of a group: their health, their draining, and what users see."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request

from harness import (
    Account,
    Front,
    Network,
    health,
    members,
    refused,
    until,
)


def test_targets_are_initial_then_healthy_then_draining_then_gone(
    account: Account, front: Front, group: str
) -> None:
    arn = front.target_group
    account.autoscaling.attach_load_balancer_target_groups(
        AutoScalingGroupName=group, TargetGroupARNs=[arn]
    )
    until(lambda: len(members(account, group)) == 2)
    ids = {m["InstanceId"] for m in members(account, group)}
    until(lambda: ids <= set(health(account, front)))
    until(lambda: all(health(account, front)[i]["State"] == "healthy" for i in ids))
    with urllib.request.urlopen(front.address + "/health", timeout=5) as answer:
        assert answer.read() == b"hello\n"
    account.autoscaling.detach_load_balancer_target_groups(
        AutoScalingGroupName=group, TargetGroupARNs=[arn]
    )
    assert {health(account, front)[i]["State"] for i in ids} == {"draining"}
    until(lambda: not ids & set(health(account, front)))
    found = account.elbv2.describe_target_health(
        TargetGroupArn=arn, Targets=[{"Id": next(iter(ids))}]
    )["TargetHealthDescriptions"]
    assert found[0]["TargetHealth"]["State"] == "unused"
    detach = account.autoscaling.detach_load_balancer_target_groups
    assert refused(detach, AutoScalingGroupName=group, TargetGroupARNs=[arn]) == "ValidationError"


def test_a_member_whose_service_dies_is_unhealthy_and_replaced(
    account: Account, front: Front, group: str
) -> None:
    arn = front.target_group
    account.autoscaling.attach_load_balancer_target_groups(
        AutoScalingGroupName=group, TargetGroupARNs=[arn]
    )
    until(lambda: [m["LifecycleState"] for m in members(account, group)] == ["InService"] * 2)
    victim = members(account, group)[0]["InstanceId"]
    until(lambda: health(account, front).get(victim, {}).get("State") == "healthy")
    account.control("POST", f"instances/{victim}/kill")
    until(lambda: health(account, front).get(victim, {"State": "replaced"})["State"] != "healthy")
    until(lambda: victim not in [m["InstanceId"] for m in members(account, group)])
    activities = account.autoscaling.describe_scaling_activities(AutoScalingGroupName=group)[
        "Activities"
    ]
    assert any("ELB system health check failure" in a["Cause"] for a in activities)
    account.autoscaling.detach_load_balancer_target_groups(
        AutoScalingGroupName=group, TargetGroupARNs=[arn]
    )


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        return False


def test_a_target_that_dies_under_traffic_costs_requests(
    account: Account, front: Front, group: str
) -> None:
    """No balancer hides that: "0 failed" must mean that nothing was taken away under a request."""
    arn = front.target_group
    account.autoscaling.attach_load_balancer_target_groups(
        AutoScalingGroupName=group, TargetGroupARNs=[arn]
    )
    until(lambda: [h["State"] for h in health(account, front).values()] == ["healthy"] * 2)
    ended, failed = threading.Event(), threading.Event()

    def use() -> None:
        while not ended.is_set():
            if not answers(front.address + "/health"):
                failed.set()

    users = [threading.Thread(target=use, daemon=True) for _ in range(4)]
    for user in users:
        user.start()
    account.control("POST", f"instances/{members(account, group)[0]['InstanceId']}/kill")
    try:
        assert failed.wait(20)
    finally:
        ended.set()
    for user in users:
        user.join()
    until(lambda: all(answers(front.address + "/health") for _ in range(20)))
    account.autoscaling.detach_load_balancer_target_groups(
        AutoScalingGroupName=group, TargetGroupARNs=[arn]
    )


def test_a_target_group_on_no_listener_is_not_in_use(
    account: Account, network: Network, group: str, name: str
) -> None:
    arn = account.elbv2.create_target_group(
        Name=name + "-idle", Protocol="HTTP", Port=8080, VpcId=network.vpc
    )["TargetGroups"][0]["TargetGroupArn"]
    account.autoscaling.attach_load_balancer_target_groups(
        AutoScalingGroupName=group, TargetGroupARNs=[arn]
    )

    def reasons() -> set[str]:
        found = account.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {item["TargetHealth"]["Reason"] for item in found}

    until(lambda: reasons() == {"Target.NotInUse"})


def test_a_sick_instance_is_healthy_to_the_check_and_broken_to_users(
    account: Account, front: Front, group: str
) -> None:
    arn = front.target_group
    account.autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=group, MinSize=0, DesiredCapacity=0
    )
    until(lambda: not members(account, group))
    account.fault("boot_errors", match={"tags": group}, healthy_paths=["/health"])
    account.autoscaling.attach_load_balancer_target_groups(
        AutoScalingGroupName=group, TargetGroupARNs=[arn]
    )
    account.autoscaling.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=1)
    until(lambda: [h["State"] for h in health(account, front).values()] == ["healthy"])

    def served() -> int:
        try:
            with urllib.request.urlopen(front.address + "/", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    until(lambda: served() == 500)
