"""Reads everything that would stop a release later, before anything is made."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from temporalio import activity

from activities.aws import Aws, translated
from activities.checks import Check
from activities.preflight_group import balancer_zones, draining, quota, refresh, requests
from activities.preflight_instances import (
    addresses,
    architecture,
    dry_run,
    encryption_key,
    offered,
    vcpus,
)
from activities.preflight_world import World, types
from activities.remembered import Remembered
from domain.config import Stack
from domain.errors import InvalidRequest, OvenbirdError, TransientError
from domain.models import Model, TargetGroup

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SubnetTypeDef

T = TypeVar("T")
# Seconds between the tries of one call.
PAUSES = (0.2, 0.5, 1.0)
CHECKS: tuple[tuple[str, Callable[[Aws, World], str | Check]], ...] = (
    ("free addresses", addresses),
    ("instance type in the zones", offered),
    ("architecture", architecture),
    ("load balancer in the zones", balancer_zones),
    ("quota of groups", quota),
    ("instance refresh", refresh),
    ("permission to launch", dry_run),
    ("connection draining", draining),
    ("quota of vCPUs", vcpus),
    ("encryption key", encryption_key),
    ("requests counted", requests),
)


class PreflightOf(Model):
    """
    `size` is green's desired size. `image` is its image, if one exists already.

    `blue` is the name of the group that serves, and is to leave the target groups `leaves`.
    """

    stack: Stack
    size: int
    target_groups: tuple[TargetGroup, ...]
    blue: str | None = None
    leaves: tuple[str, ...] = ()
    image: str | None = None


class Preflight:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._remembered = Remembered()

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def preflight(self, request: PreflightOf) -> list[Check]:
        """
        All checks at the same time. `problem` would stop the release.

        Where a check gets no answer, `found` says so, and the release may go on.
        """
        stack = request.stack
        subnets = _answered(lambda: self._subnets(stack))
        with ThreadPoolExecutor(len(CHECKS) + 1) as pool:
            world = World(
                stack=stack,
                size=request.size,
                target_groups=request.target_groups,
                blue=request.blue,
                leaves=request.leaves,
                image=request.image,
                subnets=subnets,
                described=pool.submit(lambda: _answered(lambda: self._described(stack))),
                remembered=self._remembered,
            )
            return list(pool.map(lambda item: self._checked(item[0], item[1], world), CHECKS))

    def _checked(
        self, what: str, check: Callable[[Aws, World], str | Check], world: World
    ) -> Check:
        try:
            found = _answered(lambda: check(self._aws, world))
            return found if isinstance(found, Check) else Check(what=what, found=found)
        except InvalidRequest as error:
            return Check(what=what, problem=str(error))
        except TransientError:
            raise
        except OvenbirdError as error:
            return Check(what=what, found=f"could not be found out: {error}")

    def _subnets(self, stack: Stack) -> list[SubnetTypeDef]:
        wanted = list(stack.network.subnets)
        return self._aws.ec2(stack.region).describe_subnets(SubnetIds=wanted)["Subnets"]

    def _described(self, stack: Stack) -> list[Any]:
        """A type never changes."""
        wanted: Any = types(stack)
        return self._remembered.answer(
            ("types", stack.region, *wanted),
            lambda: list(
                self._aws.ec2(stack.region).describe_instance_types(InstanceTypes=wanted)[
                    "InstanceTypes"
                ]
            ),
        )


def _answered(call: Callable[[], T]) -> T:
    """
    The answer of a call that changes nothing.

    A dozen calls rarely all succeed when AWS throttles one in five: each is tried again by itself,
    before Temporal tries all of them again.
    """
    for pause in PAUSES:
        try:
            return translated(call)()
        except TransientError:
            time.sleep(pause)
    return translated(call)()
