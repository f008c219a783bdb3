"""The nouns: what crosses the borders between workflows, activities and people. Plain data."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """Frozen, and open to fields that a later version adds."""

    model_config = ConfigDict(frozen=True)


class StackRequest(BaseModel):
    """What a person asks for. Unknown fields are mistakes of theirs, and refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stack: str = Field(min_length=1, max_length=60)


class Request(StackRequest):
    tag: str = Field(min_length=1, max_length=200)
    requested_by: str = "unknown"
    reason: str = ""


class ReleaseRequest(Request):
    """
    `force` releases a tag although it already serves; `urgent` waits for no window and no freeze.

    `contraction`: it takes away from the database what older versions need, so that nobody may roll back behind it.
    """

    force: bool = False
    urgent: bool = False
    contraction: bool = False


class RollbackRequest(StackRequest):
    """`to` is a deployment's name or a tag; the previous served deployment where it is left out. `force`: behind a contraction too."""

    force: bool = False
    to: str | None = Field(default=None, min_length=1, max_length=200)
    requested_by: str = "unknown"
    reason: str = ""


class AdoptRequest(StackRequest):
    """`group` is an Auto Scaling group that serves the stack, made by hand; `tag` what it runs."""

    group: str = Field(min_length=1, max_length=255)
    tag: str = Field(min_length=1, max_length=200)
    requested_by: str = "unknown"
    reason: str = ""


class SweepRequest(BaseModel):
    """Every stack of the file where `stack` is left out. Nothing is changed unless `dry_run` is false."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stack: str | None = Field(default=None, min_length=1, max_length=60)
    dry_run: bool = True


class BakeRequest(Request):
    """
    `commit` is the one the release resolved; a bake by itself resolves the tag.

    With `rebake` an image that is there is not used; it says for whom, and makes the new image's name another one.
    """

    commit: str | None = None
    rebake: str = ""


class ImageRequest(StackRequest):
    """Of the tag that serves where `tag` is left out. With `rebake` also where there is an image already."""

    tag: str | None = Field(default=None, min_length=1, max_length=200)
    rebake: bool = False
    requested_by: str = "unknown"
    reason: str = ""


class Image(Model):
    """
    A machine image of an application; `created_at` and `deprecated_at` are AWS's ISO 8601 times.

    `protection` against being deregistered is "ours", "foreign" or none; `copies` are the ids of its copies by region, where a bake says so.
    """

    id: str
    name: str
    state: str = "available"
    tag: str = ""
    commit: str = ""
    recipe: str = ""
    base_image: str = ""
    created_at: str = ""
    snapshots: tuple[str, ...] = ()
    verified: bool = False
    imds: str = ""
    deprecated_at: str = ""
    shared_with: tuple[str, ...] = ()
    protection: str = ""
    copies: dict[str, str] = {}


class Baked(Model):
    """`baked`: it was made now; else it was there."""

    stack: str
    image: Image
    baked: bool


class DiffRequest(StackRequest):
    """Two tags of the stack's application."""

    was: str = Field(min_length=1, max_length=200)
    now: str = Field(min_length=1, max_length=200)


class Adopted(Model):
    stack: str
    deployment: str
    tag: str
    commit: str


class Version(Model):
    """What a deployment runs: a commit under its tag, and how its image was made."""

    tag: str
    commit: str
    recipe: str = ""
    base_image: str = ""


class TargetGroup(Model):
    """Or a classic load balancer, whose `arn` is the key that `names.classic` gives it."""

    arn: str
    name: str
    load_balancers: tuple[str, ...] = ()
    protocol: str = "HTTP"
    # Of a classic balancer: a target group's zones are those of its balancers.
    zones: tuple[str, ...] = ()


class Instance(Model):
    """One member of a group; `targets` maps a target group's ARN to what it says of this instance."""

    id: str
    lifecycle: str
    healthy: bool = True
    zone: str = ""
    protected: bool = False
    weight: int = 1
    targets: dict[str, TargetState] = {}


class TargetState(Model):
    """`state` in AWS's words: initial, healthy, unhealthy, draining, unused, unavailable."""

    state: str
    reason: str = ""
    description: str = ""


class Group(Model):
    """
    An Auto Scaling group as it is now; its sizes are in units of its instances' weights. `failures` are its failed scaling activities in AWS's own words, newest first.
    """

    name: str
    min: int
    max: int
    desired: int
    instances: tuple[Instance, ...] = ()
    target_groups: tuple[str, ...] = ()
    suspended: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    launch_template: str | None = None
    launch_configuration: str | None = None
    failures: tuple[str, ...] = ()
    mixed: bool = False
    # By instance type, where the group is of mixed ones.
    weights: dict[str, int] = {}
    warm_pool: bool = False

    @property
    def units(self) -> int:
        return sum(instance.weight for instance in self.instances)


class State(StrEnum):
    SERVING = "serving"
    PARKED = "parked"


class Deployment(Model):
    """One released version of a stack: a group, its template and its image. `served_at` is empty until it served."""

    name: str
    tag: str
    commit: str = ""
    release: str = ""
    state: State | None = None
    served_at: str = ""
    group: Group


class Observation(Model):
    """One look at the world: the groups asked for (absent ones missing), and every target of the target groups."""

    groups: dict[str, Group] = {}
    targets: dict[str, dict[str, TargetState]] = {}


class Released(Model):
    """How a release ended well. `notes` is what an operator should know although all is well."""

    stack: str
    tag: str
    commit: str
    deployment: str
    image: str | None = None
    parked: str | None = None
    pruned: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Candidate(Model):
    """What a rollback could go back to; `blocked` is why it cannot, empty where it can. Without a `deployment` only the image is kept."""

    deployment: str | None
    tag: str
    commit: str
    state: str
    served_at: str = ""
    image: str | None = None
    blocked: str = ""


class Swept(Model):
    """What a sweep of a stack found and cleared; `left` is why something could not be, by its name; `stopped` is why nothing was."""

    stack: str
    dry_run: bool
    serving: str | None = None
    findings: tuple[dict[str, str], ...] = ()
    cleared: tuple[str, ...] = ()
    left: dict[str, str] = {}
    stopped: str = ""


class Plan(Model):
    """
    What a release would do. `image` is reused, or `bake` is the id of the bake that would make it; `soak` in seconds.

    `problems` would have it refused, `unknown` is what could not be found out.
    """

    stack: str
    tag: str
    commit: str
    image: str | None
    bake: str | None
    blue: str | None
    blue_tag: str | None
    size: int
    launch: str
    target_groups: tuple[str, ...]
    approval: bool
    soak: float
    prune: tuple[str, ...]
    strategy: str = "attach"
    problems: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class Message(Model):
    """What comes with a signal or update; whatever else comes with it is kept in `malformed`. `at` goes with an approval: not before then."""

    by: str = "unknown"
    reason: str = ""
    at: str = ""
    malformed: str = ""

    @classmethod
    def lenient(cls, *values: Any) -> Message:
        """Take anything: an abort must not be lost over the form of its argument."""
        if not values or values == (None,):
            return cls()
        first, *rest = values
        if isinstance(first, dict) and not rest and set(first) <= {"by", "reason", "at"}:
            return cls(
                by=str(first.get("by") or "unknown"),
                reason=str(first.get("reason") or ""),
                at=str(first.get("at") or ""),
            )
        if isinstance(first, str) and not rest:
            return cls(reason=first)
        known = first if isinstance(first, dict) else {}
        return cls(
            by=str(known.get("by") or "unknown"),
            reason=str(known.get("reason") or ""),
            malformed=repr(values)[:500],
        )


Instance.model_rebuild()
