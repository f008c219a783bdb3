"""The requests of the activities in `activities/groups.py`."""

from __future__ import annotations

from datetime import datetime

from domain.group_settings import LifecycleHook, ScalingPolicy
from domain.models import Model
from domain.sections import Mixed


class OfStack(Model):
    region: str
    stack: str


class EnsureGroup(Model):
    """
    `launch` names the launch template or configuration.

    A launch configuration cannot tag instances, so the group does, with `tags`. `marks` are tags of
    the group alone. `suspend_az_rebalance` suspends AZRebalance while both versions serve.
    """

    region: str
    name: str
    launch: str
    configuration: bool
    subnets: tuple[str, ...]
    min: int
    max: int
    desired: int
    health_check_grace: int
    tags: dict[str, str]
    marks: dict[str, str] = {}
    warmup: int | None = None
    mixed: Mixed | None = None
    lifecycle_hooks: tuple[LifecycleHook, ...] = ()
    suspend_az_rebalance: bool = False


class PutPolicies(Model):
    """`label` names balancer and target group, for a policy on requests."""

    region: str
    group: str
    policies: tuple[ScalingPolicy, ...]
    label: str | None = None
    visible_by: datetime | None = None


class Resize(Model):
    region: str
    group: str
    min: int | None = None
    max: int | None = None
    desired: int | None = None


class MarkGroups(Model):
    """`tags` by group. One call sets all of them."""

    region: str
    tags: dict[str, dict[str, str]]


class Pin(Model):
    """
    The original values are recorded as tags before anything changes, so that a sweep can restore
    them. `marks` are the tags that the group lacks: they are set in the same call.

    `minimum` None leaves the minimum as it is. `suspend_az_rebalance` suspends AZRebalance.
    """

    region: str
    group: str
    minimum: int | None
    original: int | None
    suspend_az_rebalance: bool = False
    marks: dict[str, str] = {}


class Unpin(Model):
    region: str
    group: str
    original: int | None
    resume_az_rebalance: bool = False


class GroupsRef(Model):
    region: str
    names: tuple[str, ...]


class GroupRef(Model):
    region: str
    name: str


class EmptyGroup(GroupRef):
    """
    `target_groups` are asked for targets of it, whether it is attached to them or not.

    `suspend_terminate`: its process Terminate was suspended, and is again once it is empty.
    """

    target_groups: tuple[str, ...] = ()
    suspend_terminate: bool = False


class RemoveGroup(GroupRef):
    """
    Only a group that `release` made is removed. `target_groups` as those of EmptyGroup.

    From `visible_by` on, a group that AWS does not show does not exist.
    """

    release: str
    target_groups: tuple[str, ...] = ()
    visible_by: datetime | None = None
