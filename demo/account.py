"""What is in the account, by plain boto3: none of Ovenbird's code may vouch for itself."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import boto3


@dataclass(frozen=True)
class Snapshot:
    """Everything that a release could leave behind; two equal snapshots are the same account."""

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
        """`only` keeps what carries that text in its name: several stacks share the account."""
        instances = {
            i["InstanceId"]: _tags(i).get("Name", "")
            for page in self.ec2.get_paginator("describe_instances").paginate()
            for r in page["Reservations"]
            for i in r["Instances"]
            if i["State"]["Name"] != "terminated"
        }
        images = self.ec2.describe_images(Owners=["self"])["Images"]
        return Snapshot(
            groups={
                g["AutoScalingGroupName"]: _group(g)
                for g in self.groups()
                if only in g["AutoScalingGroupName"]
            },
            templates=sorted(
                t["LaunchTemplateName"]
                for page in self.ec2.get_paginator("describe_launch_templates").paginate()
                for t in page["LaunchTemplates"]
                if only in t["LaunchTemplateName"]
            ),
            configurations=sorted(
                c["LaunchConfigurationName"]
                for page in self.autoscaling.get_paginator(
                    "describe_launch_configurations"
                ).paginate()
                for c in page["LaunchConfigurations"]
                if only in c["LaunchConfigurationName"]
            ),
            policies=sorted(
                p["PolicyName"]
                for page in self.autoscaling.get_paginator("describe_policies").paginate()
                for p in page["ScalingPolicies"]
                if only in p["PolicyName"]
            ),
            images={
                i["ImageId"]: i["Name"]
                for i in images
                if only in i["Name"] or only in str(_tags(i))
            },
            snapshots=sorted(
                s["SnapshotId"]
                for page in self.ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"])
                for s in page["Snapshots"]
                if not only or only in str(_tags(s))
            ),
            instances={name: label for name, label in instances.items() if only in label},
            security_groups=sorted(
                g["GroupName"]
                for g in self.ec2.describe_security_groups()["SecurityGroups"]
                if only in g["GroupName"]
            ),
            key_pairs=sorted(
                k["KeyName"]
                for k in self.ec2.describe_key_pairs()["KeyPairs"]
                if only in k["KeyName"]
            ),
        )

    def groups(self, *names: str) -> list[dict[str, Any]]:
        chosen = {"AutoScalingGroupNames": list(names)} if names else {}
        pages = self.autoscaling.get_paginator("describe_auto_scaling_groups").paginate(**chosen)
        return [group for page in pages for group in page["AutoScalingGroups"]]

    def stack_groups(self, stack: str) -> dict[str, dict[str, Any]]:
        """Of one stack, by git tag."""
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
        """Of the listener's default rule, by target group ARN."""
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
    """Names of API calls, without what instances themselves fetch from and put into S3."""
    return [call["action"] for call in calls if call["service"] != "s3"]


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
