"""AWS's limits that a stacks file can reach, with what Ovenbird itself adds in a group's life."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from domain import names

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
# https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_CreateLoadBalancer.html
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
# A group may be in so many target groups, and in so many classic balancers; it has as many
# lifecycle hooks.
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
MOST_OF_A_GROUP = 50
# Five, unless AWS allows an account more.
# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
MOST_SECURITY_GROUPS = 16
# VPCZoneIdentifier is one text:
# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html
SUBNETS_LENGTH = 5_000
# Bytes: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
USER_DATA = 16 * 1024
# What a group's tags may hold: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Tag.html
_TEXT = re.compile("[\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff\\r\\n\\t]*")
# The tags of a group beside the stack's own: a deployment has the first, an adopted group the
# last, and a version that contracts the database has that one too. An image has fewer.
OF_A_GROUP = frozenset(
    {
        *(names.STACK, names.APPLICATION, names.TAG, names.COMMIT, names.RELEASE),
        *(names.DEPLOYMENT, names.RECIPE, names.BASE_IMAGE, "Name"),
        *names.MARKS,
        *(names.CONTRACTION, names.ADOPTED),
    }
)

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
Bucket = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html
Profile = Annotated[str, StringConstraints(pattern=r"^[\w+=,.@-]{1,128}$")]
# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
# https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html
Reference = Annotated[str, StringConstraints(min_length=1, max_length=2_048)]
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
Alarm = Annotated[str, StringConstraints(min_length=1, max_length=255)]
# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LifecycleHookSpecification.html
Arn = Annotated[str, StringConstraints(pattern=r"^arn:", max_length=255)]
TargetGroupName = Annotated[str, StringConstraints(pattern=rf"^(arn:.+|{_NAME})$")]
BalancerName = Annotated[str, StringConstraints(pattern=rf"^{_NAME}$")]


def _tags(tags: dict[str, str]) -> dict[str, str]:
    """
    Raises ValueError with everything that is wrong.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
    """
    wrong = [words for key, value in tags.items() for words in _wrong_tag(key, value)]
    room = names.TAGS_LIMIT - len(OF_A_GROUP)
    if len(tags.keys() - OF_A_GROUP) > room:
        wrong.append(
            f"there are {len(tags)} tags, and room for {room}: AWS allows {names.TAGS_LIMIT} a "
            f"group, and Ovenbird sets up to {len(OF_A_GROUP)} of them"
        )
    if wrong:
        raise ValueError("; ".join(wrong))
    return tags


def _wrong_tag(key: str, value: str) -> list[str]:
    wrong = []
    if key.lower().startswith((names.OURS, "aws:")) or value.lower().startswith("aws:"):
        wrong.append(f"{key!r}: tags must not begin with {names.OURS} or aws:")
    if not 0 < len(key) <= names.TAG_KEY_LIMIT or len(value) > names.TAG_VALUE_LIMIT:
        wrong.append(
            f"{key!r}: a key has 1 to {names.TAG_KEY_LIMIT} characters, and a value has "
            f"{names.TAG_VALUE_LIMIT} at most"
        )
    if not (_TEXT.fullmatch(key) and _TEXT.fullmatch(value)):
        wrong.append(f"{key!r}: AWS takes no control characters in tags")
    return wrong


Tags = Annotated[dict[str, str], AfterValidator(_tags)]


def _subnets(subnets: Sequence[str]) -> Sequence[str]:
    if len(",".join(subnets)) > SUBNETS_LENGTH:
        raise ValueError(f"the subnets of a group have {SUBNETS_LENGTH} characters at most")
    return subnets


FitsAGroup = AfterValidator(_subnets)
