"""Launch templates: their client token, their lists, and what is refused."""

from __future__ import annotations

import sys
from typing import Any

from localcloud import pages
from localcloud.patches import Original, corrects
from localcloud.upstream import EC2ClientError, parse_user_data

_EC2 = "moto.ec2.models:EC2Backend."
_RESPONSE = "moto.ec2.responses.launch_templates:LaunchTemplates."


class LaunchTemplates:
    def __init__(self) -> None:
        # By client token: what was answered.
        self._answered: dict[str, Any] = {}

    @corrects(
        "moto.ec2.models.launch_templates:LaunchTemplate.create_version",
        "The user data of a version is decoded as that of RunInstances is.",
        pages.ec2("CreateLaunchTemplateVersion"),
    )
    def create_version(
        self, original: Original, template: Any, data: dict[str, Any], description: str
    ) -> Any:
        if isinstance(data.get("UserData"), str):
            data["UserData"] = parse_user_data(data["UserData"])
        return original(template, data, description)

    @corrects(
        _EC2 + "delete_launch_template",
        "A template that does not exist is not found; moto says that a parameter is missing.",
        pages.ec2("DeleteLaunchTemplate"),
    )
    def delete(self, original: Original, ec2: Any, name: str, tid: str | None) -> Any:
        if name and name not in ec2.launch_template_name_to_ids:
            raise EC2ClientError(
                "InvalidLaunchTemplateName.NotFoundException",
                f"The specified launch template, with template name {name}, does not exist.",
            )
        return original(ec2, name, tid)

    @corrects(
        _RESPONSE + "create_launch_template",
        "The same client token gets the answer that it got before.",
        pages.ec2("CreateLaunchTemplate"),
    )
    def create(self, original: Original, response: Any) -> Any:
        token = response._get_param("ClientToken")
        name = response._get_param("LaunchTemplateName")
        if token in self._answered and name in response.ec2_backend.launch_template_name_to_ids:
            return self._answered[token]
        answer = original(response)
        if token:
            self._answered[token] = answer
        return answer

    @corrects(
        _RESPONSE + "_get_int_param",
        "All templates are one page; moto cuts the list at MaxResults and returns no token.",
        pages.ec2("DescribeLaunchTemplates"),
    )
    def get_number(
        self, original: Original, response: Any, param_name: str, *more: Any, **named: Any
    ) -> Any:
        return (
            sys.maxsize
            if param_name == "MaxResults"
            else original(response, param_name, *more, **named)
        )

    @corrects(
        _EC2 + "describe_launch_template_versions",
        "All versions are one page; moto cuts the list at MaxResults and returns no token.",
        pages.ec2("DescribeLaunchTemplateVersions"),
    )
    def list_versions(self, original: Original, ec2: Any, **named: Any) -> Any:
        return original(ec2, **named | {"max_results": 10_000})

    @corrects(
        _RESPONSE + "describe_launch_template_versions",
        "The filter image-id is obeyed, and any other is refused; moto ignores them all.",
        pages.ec2("DescribeLaunchTemplateVersions"),
    )
    def filter_versions(self, original: Original, response: Any) -> Any:
        filters = response._filters_from_querystring()
        if unknown := set(filters) - {"image-id"}:
            raise NotImplementedError(
                f"DescribeLaunchTemplateVersions with the filters {sorted(unknown)}"
            )
        answer = original(response)
        if filters:
            body = answer._result
            body["LaunchTemplateVersions"] = [
                version
                for version in body["LaunchTemplateVersions"]
                if version["LaunchTemplateData"].get("ImageId") in filters["image-id"]
            ]
        return answer
