"""What a run carries over when it continues as new: its next run goes on where it stopped."""

from __future__ import annotations

from datetime import datetime

from domain.answering import Place
from domain.config import Timeouts
from domain.facts import Facts
from domain.health import Seen
from domain.images import BakeIdentity
from domain.models import Drain, Group, Image, Model
from domain.requests import Message
from domain.status import Approval, BakeLink, Bullet, Pause, Phase, Resource
from domain.traffic import Rule
from domain.undo import AnyUndo
from domain.watch import Red


class Found(Model):
    """The image of the tag, and all images of the application that were there before."""

    image: Image
    images: tuple[Image, ...]


class Wait(Model):
    """When it was started (seconds since 1970), and how long the run had been paused by then."""

    started: float
    paused: float


class OperatorState(Model):
    """What the operators have said. `seconds_paused` is of the whole chain of runs."""

    paused: Pause | None = None
    approval: Approval | None = None
    aborted: Message | None = None
    last: Message | None = None
    requester: str = ""
    extended: int = 0
    park_now: Message | None = None
    no_way_back: str = ""
    seconds_paused: float = 0.0
    notes: tuple[str, ...] = ()
    more_notes: int = 0
    waiting_for_approval: bool = False
    keeps_hot: bool = False


class Touched(Model):
    """When a call that makes the resource was made last."""

    kind: str
    name: str
    at: datetime


class RunState(Model):
    """`done` are the methods that ended, by name, with what later ones need of them."""

    phase: Phase
    subject: dict[str, str]
    timeouts: Timeouts
    bullets: tuple[Bullet, ...]
    ledger: tuple[Resource, ...]
    operator: OperatorState
    bake: BakeLink | None = None
    touched: tuple[Touched, ...] = ()
    waits: dict[str, Wait] = {}
    done: dict[str, Found | Image | None] = {}


class WorldState(Model):
    """
    `verified` is how large green was when all of it was healthy. It lacks something since
    `lacking_since`, and `bad_looks` in a row found it unfit. `launching` is what the looks at a
    green that boots have shown. `looked_at` is when the last look was over, and `drain` what it
    found of a blue that has left the load balancer, at `left_at`. `rules` are the listener rules as
    they were before this run changed them, `sticky` is for how many seconds they keep a client.
    `blue_missing` is how many units of blue were not healthy when it was at its best; None where no
    look has told. `drains_for` is how many seconds the balancers give what leaves them. `red` does
    not judge a rollback: it breached before that began. `marked`: AWS was told that green serves.
    `places` told at `answered_at` who answers. The rules were read last at `rules_read_at`.
    """

    groups: dict[str, Group] = {}
    verified: int = 0
    green_percent: int = 0
    shifted_at: datetime | None = None
    bad_looks: int = 0
    lacking_since: datetime | None = None
    launching: Seen | None = None
    looked_at: datetime | None = None
    drain: Drain | None = None
    left_at: datetime | None = None
    rules: tuple[Rule, ...] = ()
    sticky: float = 0
    blue_missing: int | None = None
    drains_for: float = 0
    red: Red = Red()
    marked: bool = False
    places: tuple[Place, ...] = ()
    answered_at: datetime | None = None
    rules_read_at: datetime | None = None


class WayBackState(Model):
    """`reason` is why the way back was taken, None where it was not. `left` could not be undone."""

    undo: tuple[AnyUndo, ...] = ()
    reason: str | None = None
    left: tuple[AnyUndo, ...] = ()


class Continued(Model):
    """`identity` is that of a release's bake; `image` is the one that a rollback launches again."""

    facts: Facts
    run: RunState
    world: WorldState
    way_back: WayBackState
    identity: BakeIdentity | None = None
    image: Image | None = None
