"""deploy/iam allows every call that the worker makes."""

from __future__ import annotations

import ast
import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).parents[2]
# The IAM prefix of each client.
SERVICES = {
    "ec2": "ec2",
    "autoscaling": "autoscaling",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "service-quotas": "servicequotas",
    "ssm": "ssm",
    "s3": "s3",
    "sts": "sts",
    "kms": "kms",
    "cloudwatch": "cloudwatch",
    "secretsmanager": "secretsmanager",
}
# S3 asks for other permissions than its calls are called.
NAMED_OTHERWISE = {"s3:HeadBucket": "s3:ListBucket", "s3:HeadObject": "s3:GetObject"}


def allowed() -> list[str]:
    policies = [
        json.loads((ROOT / "deploy/iam" / name).read_text())
        for name in ("worker.json", "worker-packer.json")
    ]
    found = [statement["Action"] for policy in policies for statement in policy["Statement"]]
    return [action for entry in found for action in ([entry] if isinstance(entry, str) else entry)]


def called() -> set[str]:
    """Each name in activities/ that is a client's call, or a text that names one (a paginator)."""
    actions: dict[str, set[str]] = {}
    for service, prefix in SERVICES.items():
        make: Any = boto3.client
        client = make(
            service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        for method, action in client.meta.method_to_api_mapping.items():
            actions.setdefault(method, set()).add(f"{prefix}:{action}")
    found: set[str] = set()
    for path in (ROOT / "activities").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                names = [node.func.attr] + [
                    str(word.value) for word in node.args if isinstance(word, ast.Constant)
                ]
                # A name that several services have tells nothing: none of ours is one.
                found |= {name for name in names if len(actions.get(name, ())) == 1}
    return {NAMED_OTHERWISE.get(action, action) for name in found for action in actions[name]}


def test_every_call_is_allowed() -> None:
    calls = called()

    assert {
        "ec2:RunInstances",
        "ec2:CopyImage",
        "autoscaling:CreateAutoScalingGroup",
        "s3:GetObject",
        "ec2:DescribeImages",
    } <= calls
    assert (
        sorted(call for call in calls if not any(fnmatch(call, pattern) for pattern in allowed()))
        == []
    )
