"""
Each correction of moto that a release depends on, through the AWS API alone.

A test here that fails after an upgrade of moto says which correction no longer holds.
"""

from __future__ import annotations

import itertools
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo.account import Account
from demo.traffic import Traffic
from tests.conftest import Theatre

_names = itertools.count(1)
SERVICE = """[Service]
WorkingDirectory=/srv
Environment=PORT=8080 HOST=0.0.0.0
ExecStart=/bin/sh -c 'exec python3 -m http.server --bind $HOST $PORT'
"""


def until(check: Callable[[], Any], patience: float = 20) -> Any:
    deadline = time.monotonic() + patience
    while not (value := check()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return value


def refused(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


@pytest.fixture(scope="module")
def account(theatre: Theatre) -> Iterator[Account]:
    yield theatre.account
    theatre.account.clear_faults()


@pytest.fixture
def name() -> str:
    return f"contract-{next(_names)}"


@pytest.fixture
def base(theatre: Theatre) -> dict[str, Any]:
    return {
        "ImageId": theatre.base.base_image,
        "MinCount": 1,
        "MaxCount": 1,
        "InstanceType": "t3.micro",
        "SubnetId": theatre.base.subnets[0],
    }


def state(account: Account, instance: str) -> str:
    found: Any = account.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return str(found["State"]["Name"])


def run(account: Account, base: dict[str, Any], **more: Any) -> str:
    instance = account.ec2.run_instances(**base | more)["Instances"][0]["InstanceId"]
    until(lambda: state(account, instance) == "running")
    return str(instance)


@pytest.fixture
def group(account: Account, theatre: Theatre, name: str, web_image: str) -> Iterator[str]:
    """A group of two, from a template with the web image."""
    data = {"ImageId": web_image, "InstanceType": "t3.micro", "MetadataOptions": {"HttpTokens": "required"}, "UserData": "IyEvYmluL3NoCg=="}
    account.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name, LaunchTemplate={"LaunchTemplateName": name, "Version": "1"}, MinSize=0, MaxSize=4, DesiredCapacity=2,
        VPCZoneIdentifier=",".join(theatre.base.subnets), HealthCheckType="ELB", HealthCheckGracePeriod=60,
    )  # fmt: skip
    yield name
    if account.groups(name):
        account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)


@pytest.fixture(scope="module")
def web_image(account: Account, theatre: Theatre) -> str:
    """An image whose instances serve their own disk over HTTP."""
    builder = run(
        account,
        {"ImageId": theatre.base.base_image, "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro", "SubnetId": theatre.base.subnets[0]},
    )
    unit = "$DESTDIR/etc/systemd/system/multi-user.target.wants"
    script = f"mkdir -p {unit} $DESTDIR/srv\necho hello > $DESTDIR/srv/health\ncat > {unit}/web.service <<'UNIT'\n{SERVICE}UNIT\n"
    finish(account, send(account, builder, script), builder)
    image = account.ec2.create_image(InstanceId=builder, Name=f"web-{next(_names)}")["ImageId"]
    until(lambda: account.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available")
    account.ec2.terminate_instances(InstanceIds=[builder])
    return str(image)


def send(account: Account, instance: str, script: str, **more: Any) -> str:
    sent = account.ssm.send_command(
        InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": script.splitlines()}, **more
    )
    return str(sent["Command"]["CommandId"])


def finish(account: Account, command: str, instance: str) -> dict[str, Any]:
    def ended() -> Any:
        found = account.ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        return found if found["Status"] not in ("Pending", "InProgress") else None

    found: dict[str, Any] = until(ended)
    return found


def members(account: Account, group: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = account.groups(group)[0]["Instances"]
    return found


def health(account: Account, theatre: Theatre) -> dict[str, dict[str, str]]:
    found = account.elbv2.describe_target_health(TargetGroupArn=theatre.base.target_group_arn)["TargetHealthDescriptions"]
    return {item["Target"]["Id"]: item["TargetHealth"] for item in found}


def test_moto_is_the_version_that_is_corrected() -> None:
    assert version("moto") == "5.2.5"


def test_a_vpc_outside_of_the_regions_network_is_refused_by_name(account: Account) -> None:
    assert refused(account.ec2.create_vpc, CidrBlock="10.0.0.0/16") == "NotImplemented"


def test_what_is_not_modelled_is_refused_and_not_retried(account: Account) -> None:
    assert refused(account.autoscaling.describe_account_limits) == "NotImplemented"


def test_the_same_client_token_is_the_same_instance(account: Account, base: dict[str, Any], name: str) -> None:
    first = run(account, base, ClientToken=name)

    assert run(account, base, ClientToken=name) == first
    assert refused(account.ec2.run_instances, **base | {"ClientToken": name, "InstanceType": "t3.large"}) == "IdempotentParameterMismatch"
    account.ec2.terminate_instances(InstanceIds=[first])


def test_an_instance_takes_time_to_start_to_stop_and_to_end(account: Account, base: dict[str, Any]) -> None:
    instance = account.ec2.run_instances(**base)["Instances"][0]["InstanceId"]
    assert state(account, instance) == "pending"
    until(lambda: state(account, instance) == "running")
    account.ec2.stop_instances(InstanceIds=[instance])
    assert state(account, instance) == "stopping"
    until(lambda: state(account, instance) == "stopped")
    account.ec2.terminate_instances(InstanceIds=[instance])
    assert state(account, instance) == "shutting-down"
    until(lambda: state(account, instance) == "terminated")


def test_a_dead_man_shutdown_ends_an_instance_that_says_so(account: Account, base: dict[str, Any]) -> None:
    more = {"UserData": "#!/bin/sh\nshutdown -h now\n", "InstanceInitiatedShutdownBehavior": "terminate"}
    instance = account.ec2.run_instances(**base | more)["Instances"][0]["InstanceId"]

    until(lambda: state(account, instance) == "terminated")


def test_a_security_group_in_use_cannot_be_deleted(account: Account, theatre: Theatre, base: dict[str, Any], name: str) -> None:
    group = account.ec2.create_security_group(GroupName=name, Description="x", VpcId=theatre.base.vpc)["GroupId"]
    instance = run(account, base, SecurityGroupIds=[group])

    assert refused(account.ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    account.ec2.terminate_instances(InstanceIds=[instance])
    until(lambda: state(account, instance) == "terminated")
    account.ec2.delete_security_group(GroupId=group)


def test_an_image_is_pending_then_a_copy_with_tags_on_it_and_its_snapshot(account: Account, base: dict[str, Any], name: str) -> None:
    instance = run(account, base)
    finish(account, send(account, instance, "mkdir -p $DESTDIR/srv; echo baked > $DESTDIR/srv/proof"), instance)
    specifications = [{"ResourceType": kind, "Tags": [{"Key": "of", "Value": name}]} for kind in ("image", "snapshot")]
    image = account.ec2.create_image(InstanceId=instance, Name=name, TagSpecifications=specifications)["ImageId"]

    def found() -> Any:
        return account.ec2.describe_images(ImageIds=[image])["Images"][0]

    assert found()["State"] == "pending"
    assert refused(account.ec2.create_image, InstanceId=instance, Name=name) == "InvalidAMIName.Duplicate"
    assert refused(account.ec2.run_instances, **base | {"ImageId": image}) == "InvalidAMIID.Unavailable"
    until(lambda: found()["State"] == "available")
    copy = run(account, base, ImageId=image)
    assert finish(account, send(account, copy, "cat $DESTDIR/srv/proof"), copy)["StandardOutputContent"] == "baked\n"
    snapshot = found()["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["Tags"] == [{"Key": "of", "Value": name}]
    account.ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
    assert refused(account.ec2.describe_snapshots, SnapshotIds=[snapshot]) == "InvalidSnapshot.NotFound"
    account.ec2.terminate_instances(InstanceIds=[instance, copy])


def test_an_image_can_fail(account: Account, base: dict[str, Any], name: str) -> None:
    instance = run(account, base)
    account.fault("image_failed", match={"name": name})
    image = account.ec2.create_image(InstanceId=instance, Name=name)["ImageId"]

    until(lambda: account.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "failed")
    account.ec2.terminate_instances(InstanceIds=[instance])


def test_launch_templates_keep_their_token_their_list_and_their_filter(account: Account, web_image: str, name: str) -> None:
    data = {"ImageId": web_image, "InstanceType": "t3.micro"}
    call = {"LaunchTemplateName": name, "ClientToken": name, "LaunchTemplateData": data}
    first = account.ec2.create_launch_template(**call)["LaunchTemplate"]["LaunchTemplateId"]
    many = [f"{name}-{number}" for number in range(20)]
    for other in many:
        account.ec2.create_launch_template(LaunchTemplateName=other, LaunchTemplateData={"ImageId": "ami-other"})

    assert account.ec2.create_launch_template(**call)["LaunchTemplate"]["LaunchTemplateId"] == first
    listed = {template["LaunchTemplateName"] for template in account.ec2.describe_launch_templates()["LaunchTemplates"]}
    assert {name, *many} <= listed
    versions = account.ec2.describe_launch_template_versions(Versions=["$Latest"], Filters=[{"Name": "image-id", "Values": ["ami-other"]}])
    assert {v["LaunchTemplateName"] for v in versions["LaunchTemplateVersions"]} == set(many)
    for template in (name, *many):
        account.ec2.delete_launch_template(LaunchTemplateName=template)


def test_launch_configurations_are_not_overwritten_and_not_deleted_in_use(
    account: Account, theatre: Theatre, web_image: str, name: str
) -> None:
    call = {"LaunchConfigurationName": name, "ImageId": web_image, "InstanceType": "t3.micro"}
    account.autoscaling.create_launch_configuration(**call)
    assert refused(account.autoscaling.create_launch_configuration, **call) == "AlreadyExists"
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name, LaunchConfigurationName=name, MinSize=0, MaxSize=1, VPCZoneIdentifier=theatre.base.subnets[0]
    )
    assert refused(account.autoscaling.delete_launch_configuration, LaunchConfigurationName=name) == "ResourceInUse"
    account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name)
    account.autoscaling.delete_launch_configuration(LaunchConfigurationName=name)
    assert refused(account.autoscaling.delete_launch_configuration, LaunchConfigurationName=name) == "ValidationError"


def test_a_group_launches_in_time_over_the_zones_from_its_version(account: Account, group: str) -> None:
    until(lambda: len(members(account, group)) == 2)
    until(lambda: all(m["LifecycleState"] == "InService" for m in members(account, group)))
    found = members(account, group)

    assert len({m["AvailabilityZone"] for m in found}) == 2
    assert {m["LaunchTemplate"]["Version"] for m in found} == {"1"}
    instance: Any = account.ec2.describe_instances(InstanceIds=[found[0]["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    activities = account.autoscaling.describe_scaling_activities(AutoScalingGroupName=group)["Activities"]
    assert [a["StatusCode"] for a in activities] == ["Successful", "Successful"]


def test_a_groups_name_and_bounds_are_kept(account: Account, theatre: Theatre, group: str) -> None:
    call = {"AutoScalingGroupName": group, "MinSize": 0, "MaxSize": 1, "VPCZoneIdentifier": theatre.base.subnets[0]}
    template = {"LaunchTemplateName": group, "Version": "1"}
    assert refused(account.autoscaling.create_auto_scaling_group, **call, LaunchTemplate=template) == "AlreadyExists"
    assert refused(account.autoscaling.set_desired_capacity, AutoScalingGroupName=group, DesiredCapacity=9) == "ValidationError"
    assert refused(account.autoscaling.update_auto_scaling_group, AutoScalingGroupName=group, MinSize=5) == "ValidationError"
    assert refused(account.autoscaling.set_desired_capacity, AutoScalingGroupName="nobody", DesiredCapacity=1) == "ValidationError"
    account.autoscaling.update_auto_scaling_group(AutoScalingGroupName=group, MinSize=3)
    assert account.groups(group)[0]["DesiredCapacity"] == 3


def test_a_group_with_instances_is_not_deleted_without_force(account: Account, group: str) -> None:
    until(lambda: len(members(account, group)) == 2)
    assert refused(account.autoscaling.delete_auto_scaling_group, AutoScalingGroupName=group) == "ResourceInUse"
    account.autoscaling.update_auto_scaling_group(AutoScalingGroupName=group, MinSize=0, DesiredCapacity=0)
    until(lambda: not members(account, group))
    account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=group)
    assert refused(account.autoscaling.delete_auto_scaling_group, AutoScalingGroupName=group) == "ValidationError"


def test_a_terminated_member_is_replaced_unless_that_is_suspended(account: Account, group: str) -> None:
    until(lambda: len(members(account, group)) == 2)
    account.autoscaling.suspend_processes(AutoScalingGroupName=group, ScalingProcesses=["Launch"])
    victim = members(account, group)[0]["InstanceId"]
    account.ec2.terminate_instances(InstanceIds=[victim])
    until(lambda: victim not in [m["InstanceId"] for m in members(account, group)])
    assert len(members(account, group)) == 1
    account.autoscaling.resume_processes(AutoScalingGroupName=group, ScalingProcesses=["Launch"])
    until(lambda: len(members(account, group)) == 2)


def test_missing_capacity_is_a_failed_activity_and_is_tried_again(account: Account, group: str) -> None:
    until(lambda: len(members(account, group)) == 2)
    account.fault("insufficient_capacity", match={"tags": group})
    account.autoscaling.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=3)
    until(lambda: len(members(account, group)) == 3)
    activities = account.autoscaling.describe_scaling_activities(AutoScalingGroupName=group)["Activities"]

    failed = [a for a in activities if a["StatusCode"] == "Failed"]
    assert len(failed) == 1
    assert "sufficient t3.micro capacity" in failed[0]["StatusMessage"]


def test_targets_are_initial_then_healthy_then_draining_then_gone(account: Account, theatre: Theatre, group: str) -> None:
    arn = theatre.base.target_group_arn
    account.autoscaling.attach_load_balancer_target_groups(AutoScalingGroupName=group, TargetGroupARNs=[arn])
    until(lambda: len(members(account, group)) == 2)
    ids = {m["InstanceId"] for m in members(account, group)}
    until(lambda: ids <= set(health(account, theatre)))
    until(lambda: all(health(account, theatre)[i]["State"] == "healthy" for i in ids))
    with urllib.request.urlopen(theatre.base.address + "/health", timeout=5) as answer:
        assert answer.read() == b"hello\n"
    account.autoscaling.detach_load_balancer_target_groups(AutoScalingGroupName=group, TargetGroupARNs=[arn])
    assert {health(account, theatre)[i]["State"] for i in ids} == {"draining"}
    until(lambda: not ids & set(health(account, theatre)))
    found = account.elbv2.describe_target_health(TargetGroupArn=arn, Targets=[{"Id": next(iter(ids))}])["TargetHealthDescriptions"]
    assert found[0]["TargetHealth"]["State"] == "unused"
    detach = account.autoscaling.detach_load_balancer_target_groups
    assert refused(detach, AutoScalingGroupName=group, TargetGroupARNs=[arn]) == "ValidationError"


def test_a_member_whose_service_dies_is_unhealthy_and_replaced(account: Account, theatre: Theatre, group: str) -> None:
    arn = theatre.base.target_group_arn
    account.autoscaling.attach_load_balancer_target_groups(AutoScalingGroupName=group, TargetGroupARNs=[arn])
    until(lambda: [m["LifecycleState"] for m in members(account, group)] == ["InService"] * 2)
    victim = members(account, group)[0]["InstanceId"]
    until(lambda: health(account, theatre).get(victim, {}).get("State") == "healthy")
    account._control("POST", f"instances/{victim}/kill")
    until(lambda: health(account, theatre).get(victim, {"State": "replaced"})["State"] != "healthy")
    until(lambda: victim not in [m["InstanceId"] for m in members(account, group)])
    activities = account.autoscaling.describe_scaling_activities(AutoScalingGroupName=group)["Activities"]
    assert any("ELB system health check failure" in a["Cause"] for a in activities)
    account.autoscaling.detach_load_balancer_target_groups(AutoScalingGroupName=group, TargetGroupARNs=[arn])


def test_a_target_that_dies_under_traffic_costs_requests(account: Account, theatre: Theatre, group: str) -> None:
    """No balancer hides that: "0 failed" must mean that nothing was taken away under a request."""
    arn = theatre.base.target_group_arn
    account.autoscaling.attach_load_balancer_target_groups(AutoScalingGroupName=group, TargetGroupARNs=[arn])
    until(lambda: [h["State"] for h in health(account, theatre).values()] == ["healthy"] * 2)
    with Traffic(theatre.base.address) as traffic:
        account._control("POST", f"instances/{members(account, group)[0]['InstanceId']}/kill")
        until(lambda: traffic.tally.failed)
        tally = traffic.stop()
    account.autoscaling.detach_load_balancer_target_groups(AutoScalingGroupName=group, TargetGroupARNs=[arn])

    assert tally.failed
    assert tally.versions


def test_a_listener_rule_is_refused_and_harms_nobody(account: Account, theatre: Theatre) -> None:
    balancer = account.elbv2.describe_load_balancers(Names=["theatre"])["LoadBalancers"][0]["LoadBalancerArn"]
    listener = account.elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    condition = {"Field": "path-pattern", "Values": ["/x"]}
    action = {"Type": "forward", "TargetGroupArn": theatre.base.target_group_arn}
    call = {"ListenerArn": listener, "Priority": 1, "Conditions": [condition], "Actions": [action]}

    assert refused(account.elbv2.create_rule, **call) == "NotImplemented"


def test_a_target_group_on_no_listener_is_not_in_use(account: Account, theatre: Theatre, group: str, name: str) -> None:
    arn = account.elbv2.create_target_group(Name=name + "-idle", Protocol="HTTP", Port=8080, VpcId=theatre.base.vpc)["TargetGroups"][0][
        "TargetGroupArn"
    ]
    account.autoscaling.attach_load_balancer_target_groups(AutoScalingGroupName=group, TargetGroupARNs=[arn])

    def reasons() -> set[str]:
        found = account.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {item["TargetHealth"]["Reason"] for item in found}

    until(lambda: reasons() == {"Target.NotInUse"})


def test_a_sick_instance_is_healthy_to_the_check_and_broken_to_users(account: Account, theatre: Theatre, group: str) -> None:
    arn = theatre.base.target_group_arn
    account.autoscaling.update_auto_scaling_group(AutoScalingGroupName=group, MinSize=0, DesiredCapacity=0)
    until(lambda: not members(account, group))
    account.fault("boot_errors", match={"tags": group}, healthy_paths=["/health"])
    account.autoscaling.attach_load_balancer_target_groups(AutoScalingGroupName=group, TargetGroupARNs=[arn])
    account.autoscaling.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=1)
    until(lambda: [h["State"] for h in health(account, theatre).values()] == ["healthy"])

    def served() -> int:
        try:
            with urllib.request.urlopen(theatre.base.address + "/", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    until(lambda: served() == 500)


def test_policies_belong_to_their_group(account: Account, theatre: Theatre, group: str) -> None:
    put = account.autoscaling.put_scaling_policy

    def policy(metric: str, label: str = "") -> dict[str, Any]:
        specification = {"PredefinedMetricType": metric} | ({"ResourceLabel": label} if label else {})
        return {
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingConfiguration": {"PredefinedMetricSpecification": specification, "TargetValue": 50.0},
        }

    put(AutoScalingGroupName=group, PolicyName="cpu", **policy("ASGAverageCPUUtilization"))
    suffix = theatre.base.target_group_arn.split(":")[-1]
    requests = policy("ALBRequestCountPerTarget", f"app/theatre/1/{suffix}")
    assert refused(put, AutoScalingGroupName=group, PolicyName="requests", **requests) == "ValidationError"
    found = account.autoscaling.describe_policies(AutoScalingGroupName=group)["ScalingPolicies"]
    assert [p["PolicyName"] for p in found] == ["cpu"]
    assert refused(account.autoscaling.delete_policy, AutoScalingGroupName=group, PolicyName="other") == "ValidationError"
    account.autoscaling.delete_policy(AutoScalingGroupName=group, PolicyName="cpu")
    assert account.autoscaling.describe_policies(AutoScalingGroupName=group)["ScalingPolicies"] == []


def test_a_command_runs_on_the_instance_that_was_named_and_nowhere_else(account: Account, base: dict[str, Any], theatre: Theatre) -> None:
    one, other = run(account, base), run(account, base)
    found = finish(account, send(account, one, 'echo "$LOCALCLOUD_INSTANCE"; pwd; echo no >&2; exit 7'), one)

    assert found["Status"] == "Failed"
    assert found["ResponseCode"] == 7
    assert found["StandardOutputContent"].startswith(f"{one}\n")
    assert found["StandardErrorContent"] == "no\n"
    assert account.ssm.list_commands(InstanceId=other)["Commands"] == []
    long = send(account, one, "head -c 30000 /dev/zero | tr '\\0' x", OutputS3BucketName=theatre.base.bucket, OutputS3KeyPrefix="contract")
    assert len(finish(account, long, one)["StandardOutputContent"]) == 24_000
    listed = account.s3.list_objects_v2(Bucket=theatre.base.bucket, Prefix=f"contract/{long}")["Contents"]
    assert {item["Size"] for item in listed} == {30_000, 0}
    account.ec2.terminate_instances(InstanceIds=[one, other])
    until(lambda: state(account, one) == "terminated")
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        send(account, one, "true")


def test_throttling_and_errors_strike_as_often_as_they_were_asked_to(account: Account) -> None:
    """botocore tries such calls again by itself: the record shows each try."""
    account.fault("throttle", "DescribeKeyPairs", skip=1)
    account.fault("error", "DescribeKeyPairs", skip=1, status=503, code="ServiceUnavailable")
    account.forget_calls()
    for _ in range(3):
        account.ec2.describe_key_pairs()
    outcomes = [call["outcome"] for call in account.calls() if call["action"] == "DescribeKeyPairs"]

    assert sorted(outcomes) == ["RequestLimitExceeded", "ServiceUnavailable", "ok", "ok", "ok"]


@pytest.mark.parametrize("kind", ["lost_reply", "reset"])
def test_a_dropped_connection_leaves_the_caller_without_an_answer(account: Account, theatre: Theatre, name: str, kind: str) -> None:
    """botocore tries again by itself: after a lost reply the second try finds what the first one made."""
    account.fault(kind, "CreateSecurityGroup")
    if kind == "lost_reply":
        code = refused(account.ec2.create_security_group, GroupName=name, Description="x", VpcId=theatre.base.vpc)
        assert code == "InvalidGroup.Duplicate"
    else:
        account.ec2.create_security_group(GroupName=name, Description="x", VpcId=theatre.base.vpc)
    mine = [call for call in account.calls() if call["action"] == "CreateSecurityGroup" and name in str(call["parameters"])]

    assert [call["fault"] for call in mine] == [kind, None]


def test_an_unknown_fault_is_refused(account: Account) -> None:
    for wrong in ({"kind": "gremlins"}, {"kind": "throttle", "action": "*"}, {"kind": "throttle", "match": {"bdy": "x"}}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            account.fault(**wrong)
        caught.value.close()
