"""Reads everything that would stop a release later, before anything is made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
from domain.config import Stack
from domain.errors import InvalidRequest, OvenbirdError, TransientError
from domain.models import Model, TargetGroup

CHECKS: tuple[tuple[str, Callable[[Aws, World], str]], ...] = (
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

    `blue` is the name of the group that serves.
    """

    stack: Stack
    size: int
    target_groups: tuple[TargetGroup, ...]
    blue: str | None = None
    image: str | None = None


class Preflight:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def preflight(self, request: PreflightOf) -> list[Check]:
        """
        All checks at the same time. `problem` would stop the release.

        Where a check gets no answer, `found` says so, and the release may go on.
        """
        stack = request.stack
        subnets = self._aws.ec2(stack.region).describe_subnets(
            SubnetIds=list(stack.network.subnets)
        )["Subnets"]
        with ThreadPoolExecutor(len(CHECKS) + 1) as pool:
            world = World(
                stack=stack,
                size=request.size,
                target_groups=request.target_groups,
                blue=request.blue,
                image=request.image,
                subnets=list(subnets),
                described=pool.submit(self._describe, stack),
            )
            return list(pool.map(lambda item: self._checked(item[0], item[1], world), CHECKS))

    def _checked(self, what: str, check: Callable[[Aws, World], str], world: World) -> Check:
        try:
            return Check(what=what, found=translated(check)(self._aws, world))
        except InvalidRequest as error:
            return Check(what=what, problem=str(error))
        except TransientError:
            raise
        except OvenbirdError as error:
            return Check(what=what, found=f"could not be found out: {error}")

    def _describe(self, stack: Stack) -> list[Any]:
        return list(
            self._aws.ec2(stack.region).describe_instance_types(
                InstanceTypes=types(stack)  # type: ignore[arg-type]
            )["InstanceTypes"]
        )
