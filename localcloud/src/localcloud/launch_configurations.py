"""What AWS refuses of launch configurations and moto permits."""

from __future__ import annotations

from typing import Any

from localcloud import pages
from localcloud.patches import Original, corrects
from localcloud.upstream import AutoscalingClientError

_AUTOSCALING = "moto.autoscaling.models:AutoScalingBackend."


class LaunchConfigurations:
    @corrects(
        _AUTOSCALING + "create_launch_configuration",
        "A name that is taken is refused; moto overwrites the configuration.",
        pages.autoscaling("CreateLaunchConfiguration"),
    )
    def create(
        self, original: Original, autoscaling: Any, name: str, *more: Any, **named: Any
    ) -> Any:
        if name in autoscaling.launch_configurations:
            raise AutoscalingClientError(
                "AlreadyExists",
                "Launch Configuration by this name already exists - A launch configuration already"
                f" exists with the name {name}",
            )
        return original(autoscaling, name, *more, **named)

    @corrects(
        _AUTOSCALING + "delete_launch_configuration",
        "A configuration that does not exist, or that a group uses, is not deleted.",
        pages.autoscaling("DeleteLaunchConfiguration"),
    )
    def delete(self, original: Original, autoscaling: Any, launch_configuration_name: str) -> Any:
        require_launch_configuration(autoscaling, launch_configuration_name)
        configurations = [group.launch_config for group in autoscaling.autoscaling_groups.values()]
        if any(used and used.name == launch_configuration_name for used in configurations):
            raise AutoscalingClientError(
                "ResourceInUse",
                f"Cannot delete launch configuration {launch_configuration_name} because it is"
                " attached to an AutoScalingGroup",
            )
        return original(autoscaling, launch_configuration_name)


def require_launch_configuration(autoscaling: Any, name: str) -> None:
    if name not in autoscaling.launch_configurations:
        raise AutoscalingClientError(
            "ValidationError", f"Launch configuration name not found - {name}"
        )
