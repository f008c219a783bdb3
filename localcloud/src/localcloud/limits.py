"""What an account may have, and instance refreshes: what moto lacks and a release looks at before it begins."""

from __future__ import annotations

import itertools
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.servicequotas.models import ServiceQuotasBackend

from localcloud.region import Region, backend, correct

# A fresh account's: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html.
GROUPS, CONFIGURATIONS = 500, 200
# Of the standard families on demand, as AWS numbers that quota; an account in use has about so many.
VCPU_QUOTA, VCPUS = "L-1216C47A", 1_000


def install(region: Region) -> None:
    refreshes: dict[str, list[dict[str, Any]]] = {}
    numbers = itertools.count(1)

    def describe_account_limits(self: Any) -> ActionResult:
        autoscaling = self.autoscaling_backend
        return ActionResult(
            {
                "MaxNumberOfAutoScalingGroups": GROUPS,
                "MaxNumberOfLaunchConfigurations": CONFIGURATIONS,
                "NumberOfAutoScalingGroups": len(autoscaling.autoscaling_groups),
                "NumberOfLaunchConfigurations": len(autoscaling.launch_configurations),
            }
        )

    def of_group(self: Any) -> list[dict[str, Any]]:
        name = self._get_param("AutoScalingGroupName")
        if name not in self.autoscaling_backend.autoscaling_groups:
            raise AutoscalingClientError(
                "ValidationError", f"AutoScalingGroup name not found - {name}"
            )
        return refreshes.setdefault(name, [])

    def start_instance_refresh(self: Any) -> ActionResult:
        """It is under way until it is cancelled, and replaces nothing."""
        made = {
            "InstanceRefreshId": f"refresh-{next(numbers)}",
            "Status": "InProgress",
            "AutoScalingGroupName": self._get_param("AutoScalingGroupName"),
        }
        of_group(self).insert(0, made)
        return ActionResult({"InstanceRefreshId": made["InstanceRefreshId"]})

    def cancel_instance_refresh(self: Any) -> ActionResult:
        running = next(
            (refresh for refresh in of_group(self) if refresh["Status"] == "InProgress"), None
        )
        if running is None:
            raise AutoscalingClientError(
                "ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found"
            )
        running["Status"] = "Cancelled"
        return ActionResult({"InstanceRefreshId": running["InstanceRefreshId"]})

    @correct(ServiceQuotasBackend, "get_service_quota")
    def get_service_quota(
        original: Any, self: Any, service_code: str, quota_code: str
    ) -> dict[str, Any]:
        if (service_code, quota_code) != ("ec2", VCPU_QUOTA):
            return dict(original(self, service_code, quota_code))
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

    AutoScalingResponse.describe_account_limits = describe_account_limits
    AutoScalingResponse.describe_instance_refreshes = lambda self: ActionResult(
        {"InstanceRefreshes": of_group(self)}
    )
    AutoScalingResponse.start_instance_refresh = start_instance_refresh
    AutoScalingResponse.cancel_instance_refresh = cancel_instance_refresh


def vcpus_in_use(region: str) -> float:
    """Of what runs there on demand: what CloudWatch calls AWS/Usage, ResourceCount, vCPU."""
    ec2 = backend(ec2_backends, region)
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
