"""How much AWS takes in one call, where moto takes any amount."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass

from localcloud import pages
from localcloud.wire import Call

_QUOTAS = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html"
_TAGGING = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html"
_VPC = "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"
_FILTERS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html"
_MIXED = (
    "https://docs.aws.amazon.com/autoscaling/ec2/userguide/"
    "ec2-auto-scaling-mixed-instances-groups.html"
)
# Bytes before they are encoded:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
USER_DATA = 16 * 1024
TAG_KEY, TAG_VALUE = 128, 256


@dataclass(frozen=True)
class Limit:
    """`list` names the members of a list by a regular expression, as the query protocol does."""

    actions: str
    list: str
    most: int
    page: str
    code: str = "ValidationError"


LIMITS = (
    Limit("CreateOrUpdateTags|DeleteTags", r"Tags\.member\.\d+", 25, _TAGGING),
    Limit("CreateAutoScalingGroup", r"Tags\.member\.\d+", 25, _TAGGING),
    Limit("(At|De)tachLoadBalancerTargetGroups", r"TargetGroupARNs\.member\.\d+", 10, _QUOTAS),
    Limit("(At|De)tachLoadBalancers", r"LoadBalancerNames\.member\.\d+", 10, _QUOTAS),
    Limit("CreateAutoScalingGroup", r"LifecycleHookSpecificationList\.member\.\d+", 50, _QUOTAS),
    Limit("CreateAutoScalingGroup", r".*\.Overrides\.member\.\d+", 40, _MIXED),
    Limit(
        "DescribeAutoScalingGroups",
        r"AutoScalingGroupNames\.member\.\d+",
        50,
        pages.autoscaling("DescribeAutoScalingGroups"),
    ),
    Limit(
        "SetInstanceProtection",
        r"InstanceIds\.member\.\d+",
        50,
        pages.autoscaling("SetInstanceProtection"),
    ),
    Limit(
        "DescribeTargetGroups",
        r"(TargetGroupArns|Names)\.member\.\d+",
        20,
        pages.elbv2("DescribeTargetGroups"),
    ),
    Limit(
        "DescribeLoadBalancers",
        r"(LoadBalancerArns|Names)\.member\.\d+",
        20,
        pages.elbv2("DescribeLoadBalancers"),
    ),
    Limit("DescribeAlarms", r"AlarmNames(\.member\.\d+)?", 100, pages.cloudwatch("DescribeAlarms")),
    Limit("Describe.*", r"Filter\.\d+\.Value\.\d+", 200, _FILTERS, "FilterLimitExceeded"),
    Limit(
        "RunInstances",
        r"(NetworkInterface\.\d+\.)?SecurityGroupId\.\d+",
        5,
        _VPC,
        "SecurityGroupsPerInstanceLimitExceeded",
    ),
)


def refusal(call: Call) -> tuple[str, str]:
    """Code and message of the error; empty where AWS takes the call."""
    for limit in LIMITS:
        if re.fullmatch(limit.actions, call.action):
            given = _count(limit.list, call.parameters)
            if given > limit.most:
                words = f"{call.action} takes at most {limit.most} of {limit.list}, not {given}"
                return limit.code, words
    return _wrong_tag(call) or _large_user_data(call) or ("", "")


def _count(pattern: str, parameters: dict[str, str]) -> int:
    found = set()
    for key, value in parameters.items():
        if match := re.match(rf"({pattern})(\.|$)", key):
            # The JSON protocol has the whole list under one key.
            listed = json.loads(value) if value.startswith("[") else [0]
            found |= {(match.group(1), number) for number in range(len(listed))}
    return len(found)


def _wrong_tag(call: Call) -> tuple[str, str] | None:
    if call.service != "autoscaling":
        return None
    for key, value in call.parameters.items():
        tag = re.fullmatch(r"Tags\.member\.\d+\.(Key|Value)", key)
        if tag and len(value) > (TAG_KEY if tag.group(1) == "Key" else TAG_VALUE):
            return "ValidationError", f"{key} is too long"
        if tag and tag.group(1) == "Key" and value.lower().startswith("aws:"):
            return "ValidationError", f"{value}: aws: is reserved for AWS"
    return None


def _large_user_data(call: Call) -> tuple[str, str] | None:
    for key, value in call.parameters.items():
        if key.endswith("UserData") and len(base64.b64decode(value)) > USER_DATA:
            return "InvalidParameterValue", f"User data is limited to {USER_DATA} bytes"
    return None
