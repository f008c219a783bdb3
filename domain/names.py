"""All AWS names and tags. They are computed before the call, so that undo needs no reply."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote, unquote

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
TARGET_GROUP_LIMIT = 32
# The shortest limit of the resources that carry a deployment's name: launch template 128, launch
# configuration and group 255.
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html
DEPLOYMENT_LIMIT = 128
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html
IMAGE_LIMIT = 128
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
SECURITY_GROUP_LIMIT = 255
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
TOKEN_LIMIT = 64
# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
TAG_VALUE_LIMIT = 256
TAG_KEY_LIMIT, TAGS_LIMIT = 128, 50
HASH = 8

# The prefix of Ovenbird's own tags.
OURS = "ovenbird:"
STACK = "ovenbird:stack"
APPLICATION = "ovenbird:application"
TAG = "ovenbird:tag"
COMMIT = "ovenbird:commit"
RELEASE = "ovenbird:release"
DEPLOYMENT = "ovenbird:deployment"
RECIPE = "ovenbird:recipe"
BASE_IMAGE = "ovenbird:base-image"
STATE = "ovenbird:state"
SERVED_AT = "ovenbird:served-at"
RESTORE_MIN = "ovenbird:restore-min"
RESTORE_MAX = "ovenbird:restore-max"
RESTORE_DESIRED = "ovenbird:restore-desired"
# "true" while Ovenbird has AZRebalance suspended, because two versions serve.
RESTORE_REBALANCE = "ovenbird:restore-azrebalance"
# The run that woke a parked group and has not succeeded yet; empty once it has.
WOKEN_BY = "ovenbird:woken-by"
# The tags of a group that change during its life. See `domain/marks.py`.
MARKS = (
    *(STATE, SERVED_AT, WOKEN_BY),
    *(RESTORE_MIN, RESTORE_MAX, RESTORE_DESIRED, RESTORE_REBALANCE),
)
# On an image: it was launched once and served; the accounts it is shared with; Ovenbird protects
# it against deregistration.
VERIFIED = "ovenbird:verified"
SHARED_WITH = "ovenbird:shared-with"
PROTECTED = "ovenbird:protected"
# On a group that a person made and Ovenbird adopted: who asked for it.
ADOPTED = "ovenbird:adopted-by"
# On a group: its version removed from the database what older versions need.
CONTRACTION = "ovenbird:contraction"
CLASSIC = "classic/"
# The prefix of a bake's temporary resources.
BAKE = "ovenbird-bake"


def digest(*parts: str) -> str:
    """Eight hexadecimal digits of a hash over the parts and their lengths."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:HASH]


def slug(text: str, *, also: str = "") -> str:
    """
    The text in ASCII letters, digits, single hyphens and the characters in `also`.

    Different texts may have the same slug: every name below adds a digest of the texts themselves.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    kept = re.sub(rf"[^A-Za-z0-9{re.escape(also)}]+", "-", plain)
    return re.sub(r"-{2,}", "-", kept).strip("-" + also)


def _joined(limit: int, head: str, middle: str, tail: str) -> str:
    """head-middle-tail within the limit. The middle is cut first, then the head, never the tail."""
    room = limit - len(tail) - 1
    head = head[:room].rstrip("-.")
    middle = middle[: max(0, room - len(head) - 1)].strip("-.")
    return "-".join(part for part in (head, middle, tail) if part)


def lock(stack: str) -> str:
    """The workflow id of every workflow that changes the stack."""
    return f"release-{stack}"


def deployment(stack: str, tag: str, release: str) -> str:
    """
    The name of the group, of the launch template or configuration, and of the deployment itself.

    `release` distinguishes two releases of one tag. It is the workflow's original run id, which a
    reset keeps.
    """
    return _joined(DEPLOYMENT_LIMIT, slug(stack), slug(tag, also="."), digest(stack, tag, release))


def scaling_policy(group: str, metric: str) -> str:
    """Unique over all groups: AWS names the policy's alarms after it."""
    return f"{group}-{metric}"


def resource_label(load_balancer: str, target_group: str) -> str:
    """app/NAME/ID/targetgroup/NAME/ID, from the two ARNs, for a scaling policy on requests."""
    return f"{balancer_label(load_balancer)}/{target_group.rsplit(':', maxsplit=1)[-1]}"


def balancer_label(load_balancer: str) -> str:
    """app/NAME/ID, as CloudWatch names a load balancer."""
    return load_balancer.rpartition(":loadbalancer/")[2]


def classic(load_balancer: str) -> str:
    """The key of a classic load balancer, in the place of a target group's ARN."""
    return f"{CLASSIC}{load_balancer}"


def is_classic(key: str) -> bool:
    return key.startswith(CLASSIC)


def split(keys: Iterable[str]) -> tuple[list[str], list[str]]:
    """Separates the keys: target groups as given, and names of classic balancers."""
    given = list(keys)
    return [key for key in given if not is_classic(key)], [
        key.removeprefix(CLASSIC) for key in given if is_classic(key)
    ]


def membership_by_hand(verb: str, group: str, keys: Iterable[str]) -> str:
    """The AWS commands that attach a group to, or detach it from, target groups and balancers."""
    arns, balancers = split(sorted(keys))
    commands = []
    if arns:
        commands.append(
            f"aws autoscaling {verb}-load-balancer-target-groups "
            f"--auto-scaling-group-name {group} --target-group-arns {' '.join(arns)}"
        )
    if balancers:
        commands.append(
            f"aws autoscaling {verb}-load-balancers "
            f"--auto-scaling-group-name {group} --load-balancer-names {' '.join(balancers)}"
        )
    return "; ".join(commands)


def target_group(stack: str) -> str:
    """At most 32 letters, digits and single hyphens."""
    return _joined(TARGET_GROUP_LIMIT, slug(stack), "", digest(stack))


def bake_key(
    *,
    commit: str,
    base_image: str,
    recipe: str,
    builder: str,
    architecture: str,
    account: str,
    region: str,
) -> str:
    """Two bakes of an application with the same key are the same bake."""
    return digest(commit, base_image, recipe, builder, architecture, account, region)


def bake_workflow(application: str, tag: str, key: str) -> str:
    return f"bake-{application}-{tag}-{key}"


def image(application: str, tag: str, key: str) -> str:
    """The name of a bake's image: 3 to 128 of the characters that AWS allows."""
    return "ovenbird/" + _joined(
        IMAGE_LIMIT - len("ovenbird/"),
        slug(application),
        slug(tag, also="."),
        digest(application, tag, key),
    )


def again(image_name: str, rebake: str) -> str:
    """The name of an image that is baked although one exists."""
    return _joined(IMAGE_LIMIT, image_name, "", digest(rebake))


def manifest(image_name: str) -> str:
    """The key of an image's manifest in the artifacts bucket."""
    return f"manifests/{image_name}.json"


def bake_security_group(application: str, release: str) -> str:
    return _joined(SECURITY_GROUP_LIMIT, BAKE, slug(application), digest(application, release))


def bake_key_pair(application: str, release: str) -> str:
    """The temporary key pair with which Packer logs in."""
    return _joined(
        SECURITY_GROUP_LIMIT, BAKE, slug(application), digest("key pair", application, release)
    )


def token(*parts: str) -> str:
    """A client token: at most 64 ASCII characters, the same for the same parts."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:TOKEN_LIMIT]


def owner(workflow_id: str, run: str) -> str:
    """
    The run that made a resource, as an exact tag value.

    A character that a tag cannot hold is written as =XX, its bytes in hexadecimal. Where the value
    would be too long it is a token, from which the run cannot be read.
    """
    exact = quote(f"{workflow_id}/{run}", safe=" +-.:/@_").replace("~", "%7E").replace("%", "=")
    return exact if len(exact) <= TAG_VALUE_LIMIT else token(workflow_id, run)


def owner_workflow(value: str) -> str:
    """The workflow id in an owner's tag; empty where the tag holds a token."""
    return unquote(value.rpartition("/")[0].replace("=", "%"))


def owner_run(value: str) -> str:
    """The run id in an owner's tag; empty where the tag holds a token."""
    return value.rpartition("/")[2] if "/" in value else ""


def tag_value(text: str) -> str:
    """
    The text as an AWS tag value: at most 256 letters, digits, spaces and + - = . _ : / @.

    It loses characters, so it is never an identity: the commit is.
    """
    return re.sub(r"[^\w\s+\-=.:/@]", "_", text)[:TAG_VALUE_LIMIT].strip()
