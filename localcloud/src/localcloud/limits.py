"""What an account may have, and instance refreshes: moto lacks both."""

from __future__ import annotations

import itertools
from typing import Any

from localcloud import pages
from localcloud.group_rules import require_group
from localcloud.patches import Original, adds, corrects
from localcloud.upstream import ActionResult, AutoscalingClientError, backend

_RESPONSE = "moto.autoscaling.responses:AutoScalingResponse."
# A fresh account's:
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
GROUPS, CONFIGURATIONS = 500, 200
# The code of the quota of the standard families on demand; an account in use has about so many.
VCPU_QUOTA, VCPUS = "L-1216C47A", 1_000


class Limits:
    @adds(
        _RESPONSE + "describe_account_limits",
        "An account has the limits of a fresh one.",
        pages.autoscaling("DescribeAccountLimits"),
    )
    def describe(self, response: Any) -> ActionResult:
        autoscaling = response.autoscaling_backend
        return ActionResult(
            {
                "MaxNumberOfAutoScalingGroups": GROUPS,
                "MaxNumberOfLaunchConfigurations": CONFIGURATIONS,
                "NumberOfAutoScalingGroups": len(autoscaling.autoscaling_groups),
                "NumberOfLaunchConfigurations": len(autoscaling.launch_configurations),
            }
        )

    @corrects(
        "moto.servicequotas.models:ServiceQuotasBackend.get_service_quota",
        "There is a quota of vCPUs on demand.",
        pages.servicequotas("GetServiceQuota"),
    )
    def get_quota(
        self, original: Original, quotas: Any, service_code: str, quota_code: str
    ) -> dict[str, Any]:
        if (service_code, quota_code) != ("ec2", VCPU_QUOTA):
            return dict(original(quotas, service_code, quota_code))
        return {
            "ServiceCode": service_code,
            "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
            "QuotaCode": quota_code,
            "QuotaName": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
            "Value": float(VCPUS),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }


class Refreshes:
    """A refresh is under way until it is cancelled, and replaces nothing."""

    def __init__(self) -> None:
        self._of_group: dict[str, list[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)

    @adds(
        _RESPONSE + "describe_instance_refreshes",
        "A group's instance refreshes are listed, the newest first.",
        pages.autoscaling("DescribeInstanceRefreshes"),
    )
    def describe(self, response: Any) -> ActionResult:
        return ActionResult({"InstanceRefreshes": self._refreshes(response)})

    @adds(
        _RESPONSE + "start_instance_refresh",
        "An instance refresh is under way, and replaces nothing.",
        pages.autoscaling("StartInstanceRefresh"),
    )
    def start(self, response: Any) -> ActionResult:
        refresh = {
            "InstanceRefreshId": f"refresh-{next(self._numbers)}",
            "Status": "InProgress",
            "AutoScalingGroupName": response._get_param("AutoScalingGroupName"),
        }
        self._refreshes(response).insert(0, refresh)
        return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})

    @adds(
        _RESPONSE + "cancel_instance_refresh",
        "An instance refresh that is under way is cancelled at once.",
        pages.autoscaling("CancelInstanceRefresh"),
    )
    def cancel(self, response: Any) -> ActionResult:
        for refresh in self._refreshes(response):
            if refresh["Status"] == "InProgress":
                refresh["Status"] = "Cancelled"
                return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})
        raise AutoscalingClientError(
            "ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found"
        )

    def _refreshes(self, response: Any) -> list[dict[str, Any]]:
        name = response._get_param("AutoScalingGroupName")
        require_group(response.autoscaling_backend, name)
        return self._of_group.setdefault(name, [])


def vcpus_in_use(region: str) -> float:
    """Of what runs there on demand: CloudWatch's AWS/Usage, ResourceCount, vCPU."""
    ec2 = backend("ec2", region)
    types = [
        instance.instance_type
        for instance in ec2.all_running_instances()
        if instance.lifecycle != "spot"
    ]
    vcpus = {
        kind["InstanceType"]: kind["VCpuInfo"]["DefaultVCpus"]
        for kind in ec2.describe_instance_types(sorted(set(types)))
    }
    return float(sum(vcpus[kind] for kind in types))
