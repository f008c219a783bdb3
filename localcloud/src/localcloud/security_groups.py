"""What AWS refuses of security groups and moto permits."""

from __future__ import annotations

import re
from typing import Any

from localcloud import pages
from localcloud.patches import Original, corrects
from localcloud.upstream import EC2ClientError

_EC2 = "moto.ec2.models:EC2Backend."
_DESCRIPTION = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}")


class SecurityGroups:
    @corrects(
        _EC2 + "create_security_group",
        "A description has only the characters that AWS permits.",
        pages.ec2("CreateSecurityGroup"),
    )
    def create(
        self,
        original: Original,
        ec2: Any,
        name: str,
        description: str,
        *more: Any,
        **named: Any,
    ) -> Any:
        if not _DESCRIPTION.fullmatch(description):
            raise EC2ClientError(
                "InvalidParameterValue", f"Invalid security group description: {description}"
            )
        return original(ec2, name, description, *more, **named)

    @corrects(
        _EC2 + "delete_security_group",
        "A security group of an instance that has not ended is not deleted.",
        pages.ec2("DeleteSecurityGroup"),
    )
    def delete(self, original: Original, ec2: Any, name: Any = None, group_id: Any = None) -> Any:
        for instance in ec2.all_instances():
            groups = [group.id for group in instance.security_groups]
            if instance.state != "terminated" and group_id in groups:
                raise EC2ClientError(
                    "DependencyViolation", f"resource {group_id} has a dependent object"
                )
        return original(ec2, name, group_id)
