"""The independent auditor: it compares the account before and after, by plain boto3 alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bench.torture.lane import SIZE, Lane
from demo.account import Snapshot


@dataclass
class AuditReport:
    """What one play showed. `broken` holds a sentence for each promise that it broke."""

    ended: str = ""
    seconds: float = 0.0
    requests: int = 0
    failed_requests: int = 0
    left: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return not (self.broken or self.left or self.duplicates or self.failed_requests)


class Auditor:
    """Looks at the account before a play. `report` looks again after it, and compares."""

    def __init__(self, lane: Lane) -> None:
        self._lane, self._account = lane, lane.account
        self.before = self._account.snapshot(only=lane.name)
        self._commands = self._all_commands()
        self._owners = set(self._instances_by_owner())
        for key in lane.watermarks:
            self._account.clear_watermark(key)

    @property
    def serving(self) -> str:
        return _serving(self.before)[0]

    def report(
        self,
        ended: str,
        wanted: str,
        *,
        serves: str | None,
        seconds: float,
        images: int | None = None,
        builders: int = 1,
    ) -> AuditReport:
        """
        `serves` is the git tag that must serve now; None: the same as before, in every detail.

        `images` is how many images must have been made, where that is certain. `builders` is how
        many instances a bake may launch.
        """
        after = self._account.snapshot(only=self._lane.name)
        audit = AuditReport(ended=ended, seconds=seconds)
        if ended != wanted:
            audit.broken.append(f"it ended as {ended}, not as {wanted}: {self._lane.last_words}")
        tags = [after.groups[name]["tags"].get("ovenbird:tag", "") for name in _serving(after)]
        if serves is None:
            audit.broken += self._not_as_before(after)
        if serves is not None and tags != [serves]:
            audit.broken.append(f"{tags} serves, not {serves}")
        made = len(after.images.keys() - self.before.images.keys())
        if images is not None and made != images:
            audit.broken.append(f"{made} images were made, not {images}")
        self._sizes(after, audit)
        self._targets(after, audit)
        for key in self._lane.watermarks:
            if (least := self._account.least_healthy(key)) < SIZE:
                audit.broken.append(f"at one moment only {least} targets were healthy")
        audit.left = self._left(after)
        audit.duplicates = self._duplicates(after, builders)
        return audit

    def _sizes(self, after: Snapshot, audit: AuditReport) -> None:
        for name, group in after.groups.items():
            serving = name in _serving(after)
            wanted = (1, 8, SIZE, SIZE, 1) if serving else (0, 0, 0, 0, 0)
            found = (
                group["min"],
                group["max"],
                group["desired"],
                len(group["instances"]),
                len(group["target_groups"]),
            )
            if found != wanted:
                audit.broken.append(
                    f"{name} has min, max, desired, instances, target groups {found}, not {wanted}"
                )

    def _not_as_before(self, after: Snapshot) -> list[str]:
        """Every difference, down to the ids of instances. A new image is none: it may stay."""
        return [
            f"the {what} are not as before: {was} → {now}"
            for what, was, now in (
                ("groups", self.before.groups, after.groups),
                ("launch templates", self.before.templates, after.templates),
                ("launch configurations", self.before.configurations, after.configurations),
                ("policies", self.before.policies, after.policies),
                ("instances", self.before.instances, after.instances),
                ("security groups", self.before.security_groups, after.security_groups),
            )
            if was != now
        ]

    def _targets(self, after: Snapshot, audit: AuditReport) -> None:
        """What serves gets the traffic, and nothing else does."""
        wanted = {
            instance for name in _serving(after) for instance in after.groups[name]["instances"]
        }
        states = self._classic_states() if self._lane.strategy == "classic" else self._states()
        healthy = {instance for _, instance, state in states if state == "healthy"}
        others = {instance for _, instance, state in states if state != "draining"} - wanted
        if healthy != wanted or others:
            audit.broken.append(
                f"healthy targets are {healthy}, others {others}; what serves has {wanted}"
            )
        if self._lane.strategy == "weighted":
            home = {arn for arn, instance, _ in states if instance in wanted}
            weights = self._account.weights(self._lane.infrastructure.listener)
            with_traffic = {arn for arn, weight in weights.items() if weight}
            if home != with_traffic:
                audit.broken.append(
                    f"the traffic goes to {with_traffic}, and what serves is in {home}"
                )

    def _states(self) -> list[tuple[str, str, str]]:
        """Target group, instance and state of each target."""
        return [
            (arn, target["Target"]["Id"], target["TargetHealth"]["State"])
            for arn in self._lane.target_groups
            for target in self._account.elbv2.describe_target_health(TargetGroupArn=arn)[
                "TargetHealthDescriptions"
            ]
        ]

    def _classic_states(self) -> list[tuple[str, str, str]]:
        """The same behind a classic balancer, which has no target groups and other words."""
        found = self._account.elb.describe_instance_health(
            LoadBalancerName=self._lane.infrastructure.classic
        )["InstanceStates"]
        words = {"InService": "healthy"}
        return [("", one["InstanceId"], words.get(one["State"], one["State"])) for one in found]

    def _left(self, after: Snapshot) -> list[str]:
        """What belongs to no kept deployment."""
        members = {instance for group in after.groups.values() for instance in group["instances"]}
        left = [
            f"instance {name} ({label})"
            for name, label in after.instances.items()
            if name not in members
        ]
        left += [f"launch template {name}" for name in after.templates if name not in after.groups]
        left += [f"security group {name}" for name in after.security_groups if "bake" in name]
        left += [f"key pair {name}" for name in after.key_pairs]
        left += [
            f"group {name} that never served"
            for name, group in after.groups.items()
            if not group["tags"].get("ovenbird:served-at")
        ]
        left += [f"launch configuration {name}" for name in after.configurations]
        left += [
            f"policy {name}"
            for name in after.policies
            if not any(name.startswith(group) for group in after.groups)
        ]
        left += (
            [f"{len(after.snapshots)} snapshots of {len(after.images)} images"]
            if len(after.snapshots) > len(after.images)
            else []
        )
        return left

    def _duplicates(self, after: Snapshot, builders: int) -> list[str]:
        """What was made more often than asked for, terminated instances included."""
        per_owner = self._instances_by_owner()
        # Builders of earlier bakes were counted in the reports of those bakes.
        several = [
            f"{count} builders of {owner}"
            for owner, count in per_owner.items()
            if owner.startswith("bake-") and owner not in self._owners and count > builders
        ]
        made = after.groups.keys() - self.before.groups.keys()
        several += [
            f"{count} instances of {owner}"
            for owner, count in per_owner.items()
            if owner in made and count > SIZE
        ]
        by_tag = Counter(group["tags"]["ovenbird:tag"] for group in after.groups.values())
        several += [f"{count} groups of {tag}" for tag, count in by_tag.items() if count > 1]
        by_name = Counter(after.images.values())
        several += [f"{count} images called {name}" for name, count in by_name.items() if count > 1]
        commands = Counter(instance for _, instance in self._all_commands() - self._commands)
        several += [f"{count} commands on {name}" for name, count in commands.items() if count > 2]
        return several

    def _instances_by_owner(self) -> dict[str, int]:
        """How many instances each bake and each deployment has launched, without Packer's."""
        account = self._account
        pages = account.ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "tag:ovenbird:application", "Values": [f"app-{self._lane.name}"]}]
        )
        per_owner: dict[str, int] = {}
        for instance in (i for page in pages for r in page["Reservations"] for i in r["Instances"]):
            tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
            if "KeyName" in instance:
                # Packer made this one. Packer cannot resume, so a second one may follow.
                continue
            owner = tags.get("ovenbird:deployment") or tags.get("ovenbird:release", "?")
            per_owner[owner] = per_owner.get(owner, 0) + 1
        return per_owner

    def _all_commands(self) -> set[tuple[str, str]]:
        commands = self._account.ssm.list_commands()["Commands"]
        return {(command["CommandId"], ",".join(command["InstanceIds"])) for command in commands}


def _serving(snapshot: Snapshot) -> list[str]:
    return [
        name
        for name, group in snapshot.groups.items()
        if group["tags"].get("ovenbird:state") == "serving"
    ]
