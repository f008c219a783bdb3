"""Reads whether everything exists that a release of a stack needs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from temporalio import activity

from activities.aws import Aws, translated
from activities.balancers import Balancers, FindTargetGroups
from activities.delivery import CheckSharing, Delivery
from activities.images import Images, ResolveBaseImage
from activities.packer import MISSING
from activities.source import Source
from domain.config import Stack
from domain.errors import InvalidRequest, OvenbirdError
from domain.models import Model


class Check(Model):
    """
    `found` describes what exists; `problem` says what is wrong and what to do, or is empty.

    A `warning` stops nothing.
    """

    what: str
    found: str = ""
    problem: str = ""
    warning: str = ""


class Checks:
    def __init__(self, aws: Aws, source: Source) -> None:
        self._aws, self._source = aws, source
        self._images, self._balancers = Images(aws), Balancers(aws)
        self._delivery = Delivery(aws)

    @activity.defn(no_thread_cancel_exception=True)
    def check_stack(self, stack: Stack) -> list[Check]:
        """In the order in which a release needs them. An error of AWS is a problem too."""
        asked: list[tuple[str, Callable[[Stack], str]]] = [
            ("AWS account", self._account),
            ("repository", self._repository),
        ]
        if stack.bake.made_by:
            asked += [
                (
                    "images",
                    lambda stack: (
                        f"made by {stack.bake.made_by}, copied to {stack.region}: "
                        "ask the doctor about that stack too"
                    ),
                )
            ]
        else:
            asked += [
                ("base image", self._base_image),
                ("artifacts bucket", self._bucket),
                ("builder", self._builder),
                ("sharing", self._sharing),
            ]
        asked += [("network", self._network), ("target groups", self._target_groups)]
        return [_checked(what, ask, stack) for what, ask in asked]

    def _account(self, stack: Stack) -> str:
        return self._aws.sts(stack.region).get_caller_identity()["Arn"]

    def _repository(self, stack: Stack) -> str:
        self._source.reach(stack.application, stack.region)
        return stack.application.repository

    def _resolved(self, stack: Stack) -> str:
        bake = stack.bake
        return self._images.resolve_base_image(
            ResolveBaseImage(
                region=stack.region, base=bake.base_image, architecture=bake.architecture
            )
        )

    def _base_image(self, stack: Stack) -> str:
        image = self._resolved(stack)
        known = self._aws.ec2(stack.region).describe_images(ImageIds=[image])["Images"]
        if not known:
            raise InvalidRequest(f"{image} is not there, or not shared with this account")
        architecture = known[0].get("Architecture", stack.bake.architecture)
        if architecture != stack.bake.architecture:
            raise InvalidRequest(
                f"{image} is for {architecture}, "
                f"and bake.architecture says {stack.bake.architecture}"
            )
        return f"{image} ({known[0].get('Name', '')})"

    def _sharing(self, stack: Stack) -> str:
        bake = stack.bake
        if not bake.share_with:
            return "with no other account"
        base = self._resolved(stack)
        self._delivery.refuse_unshareable(
            CheckSharing(
                region=stack.region, base_image=base, kms_key=bake.kms_key, copies=bake.copies
            )
        )
        return ", ".join(bake.share_with)

    def _bucket(self, stack: Stack) -> str:
        self._aws.s3(stack.region).head_bucket(Bucket=stack.bake.artifacts_bucket)
        return stack.bake.artifacts_bucket

    @staticmethod
    def _builder(stack: Stack) -> str:
        if stack.bake.builder == "native":
            return "native, over SSM"
        try:
            done = subprocess.run(
                ["packer", "version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=30,
                check=True,
            )
        except FileNotFoundError:
            raise InvalidRequest(MISSING) from None
        except subprocess.SubprocessError as error:
            raise InvalidRequest(f"packer version does not answer on the worker: {error}") from None
        first = (done.stdout.splitlines() or [""])[0]
        if not first.startswith("Packer v"):
            raise InvalidRequest(
                f"the packer on the worker's PATH is another program: it says {first!r}"
            )
        return first

    def _network(self, stack: Stack) -> str:
        wanted = stack.network.subnets
        found = self._aws.ec2(stack.region).describe_subnets(SubnetIds=list(wanted))["Subnets"]
        if strangers := [
            subnet["SubnetId"] for subnet in found if subnet["VpcId"] != stack.network.vpc
        ]:
            raise InvalidRequest(f"{', '.join(strangers)} are not in {stack.network.vpc}")
        free = sum(subnet["AvailableIpAddressCount"] for subnet in found)
        zones = {subnet["AvailabilityZone"] for subnet in found}
        return f"{len(found)} subnets in {len(zones)} zones, {free} addresses free"

    def _target_groups(self, stack: Stack) -> str:
        asked = FindTargetGroups(region=stack.region, names=stack.load_balancer.names)
        return ", ".join(group.name for group in self._balancers.find_target_groups(asked))


def _checked(what: str, ask: Callable[[Stack], str], stack: Stack) -> Check:
    try:
        return Check(what=what, found=translated(ask)(stack))
    except OvenbirdError as error:
        return Check(what=what, problem=str(error))
