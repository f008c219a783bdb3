"""The facts and results that workflows, activities and people exchange."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen. Unknown fields are ignored: a later version may add some."""

    model_config = ConfigDict(frozen=True)


class Image(Model):
    """
    A machine image of an application; `created_at` and `deprecated_at` are AWS's ISO 8601 times.

    `protection` against deregistration is "ours", "foreign" or empty. `copies` maps a region to the
    id of the copy there; a bake's result has it.
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
    """`baked`: the image was made now; else it existed."""

    stack: str
    image: Image
    baked: bool


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
    """Also a classic load balancer: then `arn` is the key of `names.classic`."""

    arn: str
    name: str
    load_balancers: tuple[str, ...] = ()
    protocol: str = "HTTP"
    # The zones of a classic balancer. A target group has the zones of its load balancers.
    zones: tuple[str, ...] = ()


class Instance(Model):
    """One member of a group. `targets` maps a target group's ARN to this instance's state in it."""

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
    An Auto Scaling group as it is now. Its sizes are in units of its instances' weights.

    `instances` is how many it has, `units` the weights together of those that it counts towards its
    desired size. `leaving` only leave; of these, `lingering` may do so for hours. `aside` are on
    Standby. `protected` stay, and are protected from scale-in. `failures` are its failed scaling
    activities in AWS's own words, newest first. A look finds `health`, and leaves out its
    weights and all tags but its mark.
    """

    name: str
    min: int
    max: int
    desired: int
    instances: int = 0
    units: int = 0
    protected: int = 0
    leaving: int = 0
    lingering: int = 0
    aside: int = 0
    target_groups: tuple[str, ...] = ()
    suspended: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    launch_template: str | None = None
    launch_configuration: str | None = None
    failures: tuple[str, ...] = ()
    mixed: bool = False
    # By instance type; empty without mixed instances.
    weights: dict[str, int] = {}
    warm_pool: bool = False
    health: GroupHealth | None = None


class GroupHealth(Model):
    """
    What a look found of a group's instances.

    `units` are the healthy ones, in units of weight; `targets` is how many they are: a balancer
    gives each of them the same share, whatever its weight. `heaviest` is the greatest weight of an
    instance. `registered` counts the instances that are targets of any of them. `asked`: did the
    look read those targets? `complete`: all are healthy, and as many as the group wants.
    `explained` is one line for a person. `unused` is a target group on no listener.
    `healthy` and `present` are digests of the ids of the healthy ones, and of all that
    do not leave. `ids` are the latter, None where the caller has them. `example` is a healthy one.
    """

    units: int
    targets: int
    registered: int = 0
    heaviest: int
    asked: bool
    complete: bool
    explained: str
    unused: str
    healthy: str
    present: str
    ids: tuple[str, ...] | None
    leaving: tuple[str, ...]
    example: str


class State(StrEnum):
    SERVING = "serving"
    PARKED = "parked"


class Deployment(Model):
    """
    One released version of a stack: a group, its template and its image.

    `served_at` is an ISO 8601 time, empty until it served.
    """

    name: str
    tag: str
    commit: str = ""
    release: str = ""
    state: State | None = None
    served_at: str = ""
    group: Group


class Drain(Model):
    """
    Of a group that leaves its target groups.

    `left` is how many of its targets are registered, `examples` are some. `strangers` are some of
    the targets that belong to neither group; `registered` is how many targets there are in all.
    """

    left: int
    examples: tuple[str, ...]
    strangers: tuple[str, ...]
    registered: int


class Released(Model):
    """The result of a release that succeeded. `notes` are for the operator."""

    stack: str
    tag: str
    commit: str
    deployment: str
    image: str | None = None
    parked: str | None = None
    pruned: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Swept(Model):
    """
    What a sweep of a stack found and cleared.

    `left` maps a name to the reason why it could not be cleared. `stopped` says why nothing was.
    """

    stack: str
    dry_run: bool
    serving: str | None = None
    findings: tuple[dict[str, str], ...] = ()
    cleared: tuple[str, ...] = ()
    left: dict[str, str] = {}
    stopped: str = ""


Instance.model_rebuild()
Group.model_rebuild()
