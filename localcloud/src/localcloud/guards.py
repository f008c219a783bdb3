"""What AWS refuses and moto lets pass: names taken, resources in use, sizes that contradict each other."""

from __future__ import annotations

import copy
import re
import sys
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import AutoScalingBackend
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import EmptyResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.utils import parse_user_data

from localcloud.region import Region, correct


def install(region: Region) -> None:
    _launch_templates()
    _launch_configurations()
    _groups()
    _policies()

    @correct(EC2Backend, "create_security_group")
    def create_security_group(
        original: Any, self: Any, name: str, description: str, *args: Any, **kwargs: Any
    ) -> Any:
        """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html has the alphabet."""
        if not re.fullmatch(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}", description):
            raise EC2ClientError(
                "InvalidParameterValue", f"Invalid security group description: {description}"
            )
        return original(self, name, description, *args, **kwargs)

    @correct(EC2Backend, "delete_security_group")
    def delete_security_group(
        original: Any, self: Any, name: Any = None, group_id: Any = None
    ) -> Any:
        users = [
            i.id
            for i in self.all_instances()
            if i.state != "terminated" and any(g.id == group_id for g in i.security_groups)
        ]
        if users:
            raise EC2ClientError(
                "DependencyViolation", f"resource {group_id} has a dependent object"
            )
        return original(self, name, group_id)


def _launch_templates() -> None:
    tokens: dict[str, Any] = {}

    @correct(LaunchTemplate, "create_version")
    def create_version(original: Any, self: Any, data: dict[str, Any], description: str) -> Any:
        if isinstance(data.get("UserData"), str):
            data["UserData"] = parse_user_data(data["UserData"])
        return original(self, data, description)

    @correct(EC2Backend, "delete_launch_template")
    def delete_launch_template(original: Any, self: Any, name: str, tid: str | None) -> Any:
        """Of a name that is gone moto says MissingParameter."""
        if name and name not in self.launch_template_name_to_ids:
            raise EC2ClientError(
                "InvalidLaunchTemplateName.NotFoundException",
                f"The specified launch template, with template name {name}, does not exist.",
            )
        return original(self, name, tid)

    @correct(LaunchTemplates, "create_launch_template")
    def create_launch_template(original: Any, self: Any) -> Any:
        """The same ClientToken is answered with what it made before."""
        token = self._get_param("ClientToken")
        known = tokens.get(token) if token else None
        if (
            known
            and self._get_param("LaunchTemplateName")
            in self.ec2_backend.launch_template_name_to_ids
        ):
            return known
        result = original(self)
        if token:
            tokens[token] = result
        return result

    @correct(LaunchTemplates, "_get_int_param")
    def no_limit(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """Moto cuts DescribeLaunchTemplates at MaxResults (15) and hands out no token for the rest: all of it is one page here."""
        return sys.maxsize if name == "MaxResults" else original(self, name, *args, **kwargs)

    @correct(EC2Backend, "describe_launch_template_versions")
    def all_versions(original: Any, self: Any, **kwargs: Any) -> Any:
        """Moto cuts the list at MaxResults and hands out no token for the rest."""
        return original(self, **kwargs | {"max_results": 10_000})

    @correct(LaunchTemplates, "describe_launch_template_versions")
    def describe_versions(original: Any, self: Any) -> Any:
        """Moto ignores the filters; only image-id is needed, and any other is refused rather than ignored."""
        filters = self._filters_from_querystring()
        unknown = set(filters) - {"image-id"}
        if unknown:
            raise NotImplementedError(
                f"DescribeLaunchTemplateVersions with the filters {sorted(unknown)}"
            )
        result = original(self)
        if filters:
            body = result._result
            body["LaunchTemplateVersions"] = [
                version
                for version in body["LaunchTemplateVersions"]
                if version["LaunchTemplateData"].get("ImageId") in filters["image-id"]
            ]
        return result


def _launch_configurations() -> None:
    @correct(AutoScalingBackend, "create_launch_configuration")
    def create(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if name in self.launch_configurations:
            raise AutoscalingClientError(
                "AlreadyExists",
                f"Launch Configuration by this name already exists - A launch configuration already exists with the name {name}",
            )
        return original(self, name, *args, **kwargs)

    @correct(AutoScalingBackend, "delete_launch_configuration")
    def delete(original: Any, self: Any, name: str) -> Any:
        if name not in self.launch_configurations:
            raise AutoscalingClientError(
                "ValidationError", f"Launch configuration name not found - {name}"
            )
        if any(
            g.launch_config and g.launch_config.name == name
            for g in self.autoscaling_groups.values()
        ):
            raise AutoscalingClientError(
                "ResourceInUse",
                f"Cannot delete launch configuration {name} because it is attached to an AutoScalingGroup",
            )
        return original(self, name)


def _groups() -> None:
    @correct(AutoScalingBackend, "create_auto_scaling_group")
    def create(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if name in self.autoscaling_groups:
            raise AutoscalingClientError(
                "AlreadyExists", f"AutoScalingGroup by this name already exists - {name}"
            )
        config = kwargs.get("launch_config_name")
        if config and config not in self.launch_configurations:
            raise AutoscalingClientError(
                "ValidationError", f"Launch configuration name not found - {config}"
            )
        for arn in kwargs.get("target_group_arns") or []:
            _require_target_group(self, arn)
        return original(self, name, *args, **kwargs)

    @correct(AutoScalingResponse, "delete_auto_scaling_group")
    def delete(original: Any, self: Any) -> Any:
        backend = self.autoscaling_backend
        group = backend.autoscaling_groups.get(self._get_param("AutoScalingGroupName"))
        if (
            group
            and (group.instance_states or group.warm_pool)
            and not self._get_bool_param("ForceDelete", False)
        ):
            raise AutoscalingClientError(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.",
            )
        result = original(self)
        for key, policy in list(backend.policies.items()):
            if policy.auto_scaling_group_name == group.name:
                del backend.policies[key]
        return result

    for name in (
        "set_desired_capacity",
        "create_or_update_tags",
        "suspend_processes",
        "resume_processes",
        "attach_load_balancer_target_groups",
        "detach_load_balancer_target_groups",
    ):

        @correct(AutoScalingBackend, name)
        def require_group(original: Any, self: Any, first: Any, *args: Any, **kwargs: Any) -> Any:
            """Moto answers an unknown group with an internal error."""
            for group in (
                [tag["ResourceId"] for tag in first] if isinstance(first, list) else [first]
            ):
                if group not in self.autoscaling_groups:
                    raise AutoscalingClientError(
                        "ValidationError", f"AutoScalingGroup name not found - {group}"
                    )
            return original(self, first, *args, **kwargs)

    @correct(AutoScalingBackend, "update_auto_scaling_group")
    def update(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        group = self.autoscaling_groups.get(name)
        if group:
            low = kwargs["min_size"] if kwargs.get("min_size") is not None else group.min_size
            high = kwargs["max_size"] if kwargs.get("max_size") is not None else group.max_size
            if low > high:
                raise AutoscalingClientError(
                    "ValidationError",
                    f"Max bound, {high}, must be greater than or equal to min bound, {low}",
                )
            # AWS moves the desired size into new bounds; moto compares them with the number of instances instead.
            if kwargs.get("desired_capacity") is None:
                kwargs["desired_capacity"] = min(max(group.desired_capacity, low), high)
            # Of a policy too only what is given changes. Moto shows the template by name and id, and takes either.
            policy = copy.deepcopy(
                (group.mixed_instances_policy or {}) | (kwargs.get("mixed_instances_policy") or {})
            )
            if policy:
                policy["LaunchTemplate"]["LaunchTemplateSpecification"].pop(
                    "LaunchTemplateId", None
                )
            kwargs["mixed_instances_policy"] = policy or None
        return original(self, name, *args, **kwargs)

    @correct(AutoScalingBackend, "attach_load_balancer_target_groups")
    def attach(original: Any, self: Any, name: str, arns: list[str]) -> Any:
        for arn in arns:
            _require_target_group(self, arn)
        return original(self, name, arns)


def _policies() -> None:
    @correct(AutoScalingBackend, "put_scaling_policy")
    def put(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """Policies are named within their group: moto keeps them by name alone, so that one group steals another's."""
        config = kwargs.get("target_tracking_config") or {}
        label = config.get("PredefinedMetricSpecification", {}).get("ResourceLabel")
        group = self.autoscaling_groups.get(kwargs.get("as_name"))
        if group is None:
            raise AutoscalingClientError("ValidationError", "Group name not found")
        if label and not any(
            arn.endswith(label[label.index("targetgroup/") :]) for arn in group.target_group_arns
        ):
            raise AutoscalingClientError(
                "ValidationError",
                f"The target group of the resource label {label} is not attached to {group.name}",
            )
        policy = original(self, name, *args, **kwargs)
        self.policies[f"{group.name}/{name}"] = self.policies.pop(name)
        return policy

    @correct(AutoScalingResponse, "put_scaling_policy")
    def put_in_words(original: Any, self: Any) -> Any:
        """Moto misspells its one member."""
        answered = original(self)
        answered.result["PolicyARN"] = answered.result.pop("PolicyArn")
        return answered

    @correct(AutoScalingResponse, "delete_policy")
    def delete(original: Any, self: Any) -> Any:
        key = f"{self._get_param('AutoScalingGroupName')}/{self._get_param('PolicyName')}"
        if self.autoscaling_backend.policies.pop(key, None) is None:
            raise AutoscalingClientError("ValidationError", f"No policy is called {key}")
        return EmptyResult()


def _require_target_group(autoscaling: Any, arn: str) -> None:
    if arn not in autoscaling.elbv2_backend.target_groups:
        raise AutoscalingClientError(
            "ValidationError",
            f"Provided Target Groups may not be valid. Please ensure they exist and try again: {arn}",
        )
