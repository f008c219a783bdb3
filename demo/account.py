"""What is in the account, read by plain boto3: Ovenbird must not be its own witness."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import boto3


@dataclass(frozen=True)
class Snapshot:
    """All that a release could leave behind. Equal snapshots mean: nothing changed."""

    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    templates: list[str] = field(default_factory=list)
    configurations: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    snapshots: list[str] = field(default_factory=list)
    instances: dict[str, str] = field(default_factory=dict)
    security_groups: list[str] = field(default_factory=list)
    key_pairs: list[str] = field(default_factory=list)


class Account:
    def __init__(self, environment: dict[str, str]) -> None:
        self.endpoint = environment["AWS_ENDPOINT_URL"]
        make: Any = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_DEFAULT_REGION"],
        ).client
        self.ec2 = make("ec2", endpoint_url=self.endpoint)
        self.autoscaling = make("autoscaling", endpoint_url=self.endpoint)
        self.elb = make("elb", endpoint_url=self.endpoint)
        self.elbv2 = make("elbv2", endpoint_url=self.endpoint)
        self.ssm = make("ssm", endpoint_url=self.endpoint)
        self.kms = make("kms", endpoint_url=self.endpoint)
        self.cloudwatch = make("cloudwatch", endpoint_url=self.endpoint)
        self.s3 = make("s3", endpoint_url=self.endpoint)

    def snapshot(self, *, only: str = "") -> Snapshot:
        """`only` keeps what has that text in its name or tags: several stacks share the account."""
        return Snapshot(
            groups={
                group["AutoScalingGroupName"]: _group(group)
                for group in self.groups()
                if only in group["AutoScalingGroupName"]
            },
            templates=self._launch_templates(only),
            configurations=self._launch_configurations(only),
            policies=self._policies(only),
            images={
                image["ImageId"]: image["Name"]
                for image in self.ec2.describe_images(Owners=["self"])["Images"]
                if only in image["Name"] or only in str(_tags(image))
            },
            snapshots=self._snapshots(only),
            instances=self._instances(only),
            security_groups=_sorted(
                self.ec2.describe_security_groups()["SecurityGroups"], "GroupName", only
            ),
            key_pairs=_sorted(self.ec2.describe_key_pairs()["KeyPairs"], "KeyName", only),
        )

    def _launch_templates(self, only: str) -> list[str]:
        pages = self.ec2.get_paginator("describe_launch_templates").paginate()
        found = [template for page in pages for template in page["LaunchTemplates"]]
        return _sorted(found, "LaunchTemplateName", only)

    def _launch_configurations(self, only: str) -> list[str]:
        pages = self.autoscaling.get_paginator("describe_launch_configurations").paginate()
        found = [one for page in pages for one in page["LaunchConfigurations"]]
        return _sorted(found, "LaunchConfigurationName", only)

    def _policies(self, only: str) -> list[str]:
        pages = self.autoscaling.get_paginator("describe_policies").paginate()
        found = [policy for page in pages for policy in page["ScalingPolicies"]]
        return _sorted(found, "PolicyName", only)

    def _snapshots(self, only: str) -> list[str]:
        pages = self.ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"])
        found = [snapshot for page in pages for snapshot in page["Snapshots"]]
        return sorted(one["SnapshotId"] for one in found if not only or only in str(_tags(one)))

    def _instances(self, only: str) -> dict[str, str]:
        """Name tags by id, without those that are terminated."""
        pages = self.ec2.get_paginator("describe_instances").paginate()
        return {
            instance["InstanceId"]: _tags(instance).get("Name", "")
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
            if instance["State"]["Name"] != "terminated" and only in _tags(instance).get("Name", "")
        }

    def groups(self, *names: str) -> list[dict[str, Any]]:
        chosen = {"AutoScalingGroupNames": list(names)} if names else {}
        pages = self.autoscaling.get_paginator("describe_auto_scaling_groups").paginate(**chosen)
        return [group for page in pages for group in page["AutoScalingGroups"]]

    def stack_groups(self, stack: str) -> dict[str, dict[str, Any]]:
        """The groups of one stack, by git tag."""
        return {
            _tags(g)["ovenbird:tag"]: g
            for g in self.groups()
            if _tags(g).get("ovenbird:stack") == stack
        }

    def calls(self) -> list[dict[str, Any]]:
        """Every request to the API since the record was cleared."""
        found: list[dict[str, Any]] = self._control("GET", "requests")
        return found

    def forget_calls(self) -> None:
        self._control("DELETE", "requests")

    def fault(self, kind: str, action: str = ".*", **more: Any) -> None:
        self._control("POST", "faults", [{"kind": kind, "action": action} | more])

    def clear_faults(self) -> None:
        self._control("DELETE", "faults")

    def forget_faults_of(self, caller: str) -> None:
        self._control("DELETE", f"faults/{caller}")

    def faults_of(self, caller: str) -> list[dict[str, Any]]:
        return [
            fault
            for fault in self._control("GET", "faults")
            if fault["match"].get("caller") == caller
        ]

    def least_healthy(self, target_group: str) -> int:
        """The fewest healthy targets since the watermark was cleared."""
        return int(self._control("GET", "capacity")[target_group]["least"])

    def clear_watermark(self, target_group: str) -> None:
        self._control("DELETE", "capacity", [target_group])

    def weights(self, listener: str) -> dict[str, int]:
        """The weights of the listener's default rule, by target group ARN."""
        actions = self.elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0][
            "DefaultActions"
        ]
        return {
            group["TargetGroupArn"]: group["Weight"]
            for group in actions[0]["ForwardConfig"]["TargetGroups"]
        }

    def machines(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._control("GET", "instances")
        return found

    def _control(self, method: str, what: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.endpoint}/localcloud/{what}", data=data, method=method
        )
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.load(reply)


def aws_calls(calls: list[dict[str, Any]]) -> list[str]:
    """Names of API calls, without those to S3: instances make such calls themselves."""
    return [call["action"] for call in calls if call["service"] != "s3"]


def _sorted(found: list[dict[str, Any]], key: str, only: str) -> list[str]:
    return sorted(one[key] for one in found if only in one[key])


def _tags(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}


def _group(group: dict[str, Any]) -> dict[str, Any]:
    return {
        "min": group["MinSize"],
        "max": group["MaxSize"],
        "desired": group["DesiredCapacity"],
        "instances": sorted(i["InstanceId"] for i in group["Instances"]),
        "target_groups": sorted(
            [*group.get("TargetGroupARNs", []), *group.get("LoadBalancerNames", [])]
        ),
        "suspended": sorted(p["ProcessName"] for p in group.get("SuspendedProcesses", [])),
        "tags": _tags(group),
    }
