"""What an account may have, and instance refreshes: what moto lacks and a release looks at before it begins."""

from __future__ import annotations

import itertools
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

from localcloud.region import Region

# A fresh account's: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html.
GROUPS, CONFIGURATIONS = 500, 200


def install(region: Region) -> None:
    refreshes: dict[str, list[dict[str, Any]]] = {}
    numbers = itertools.count(1)

    def describe_account_limits(self: Any) -> ActionResult:
        autoscaling = self.autoscaling_backend
        return ActionResult(
            {
                "MaxNumberOfAutoScalingGroups": GROUPS, "MaxNumberOfLaunchConfigurations": CONFIGURATIONS,
                "NumberOfAutoScalingGroups": len(autoscaling.autoscaling_groups),
                "NumberOfLaunchConfigurations": len(autoscaling.launch_configurations),
            }
        )  # fmt: skip

    def of_group(self: Any) -> list[dict[str, Any]]:
        name = self._get_param("AutoScalingGroupName")
        if name not in self.autoscaling_backend.autoscaling_groups:
            raise AutoscalingClientError("ValidationError", f"AutoScalingGroup name not found - {name}")
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
        running = next((refresh for refresh in of_group(self) if refresh["Status"] == "InProgress"), None)
        if running is None:
            raise AutoscalingClientError("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found")
        running["Status"] = "Cancelled"
        return ActionResult({"InstanceRefreshId": running["InstanceRefreshId"]})

    AutoScalingResponse.describe_account_limits = describe_account_limits
    AutoScalingResponse.describe_instance_refreshes = lambda self: ActionResult({"InstanceRefreshes": of_group(self)})
    AutoScalingResponse.start_instance_refresh = start_instance_refresh
    AutoScalingResponse.cancel_instance_refresh = cancel_instance_refresh
