"""
The state of a running release, as the `status` query returns it.

Published as docs/status.schema.json.
"""

from __future__ import annotations

from typing import Literal

from domain.models import Model

Phase = Literal[
    "baking",
    "launching",
    "waiting_healthy",
    "waiting_approval",
    "shifting",
    "watching",
    "draining",
    "parking",
    "pruning",
    "rolling_back",
    "released",
    "rolled_back",
    "dirty",
    "refused",
    "baked",
    "failed",
    "sweeping",
    "swept",
    "pruned",
]
Kind = Literal[
    "release", "rollback", "bake", "image", "sweep", "adopt", "prune", "reading", "unknown"
]
Mark = Literal["to do", "doing", "done", "skipped", "failed"]
SYMBOLS: dict[Mark, str] = {
    "to do": "·",
    "doing": "…",
    "done": "✓",
    "skipped": "-",
    "failed": "✗",
}


class Bullet(Model):
    """One sentence of the checklist. `started` and `ended` are ISO 8601; `note` is the progress."""

    text: str
    mark: Mark = "to do"
    started: str | None = None
    ended: str | None = None
    note: str = ""


class Side(Model):
    """
    Blue or green.

    `healthy` is null before its targets were polled, and once it is out of the balancer.
    """

    deployment: str
    tag: str
    desired: int
    healthy: int | None
    minimum: int
    in_balancer: bool


class Resource(Model):
    """
    One entry of the ledger.

    ISO 8601 times: `intended` before the call, `made` after AWS's reply, `gone` after the removal.
    """

    kind: str
    name: str
    intended: str | None = None
    made: str | None = None
    gone: str | None = None


class Approval(Model):
    """The cutover does not begin before `not_before` (ISO 8601)."""

    by: str
    reason: str
    at: str
    not_before: str | None = None


class Pause(Model):
    by: str
    reason: str
    since: str


class BakeLink(Model):
    """The bake of this release. `log` is the key of its whole output in the artifacts bucket."""

    workflow_id: str
    log: str = ""


class Status(Model):
    """
    `weights` is the percent of the traffic by role.

    `by` and `reason` belong to the last message of an operator.
    """

    workflow: Kind
    stack: str = ""
    tag: str = ""
    commit: str = ""
    phase: Phase = "baking"
    bullets: tuple[Bullet, ...] = ()
    blue: Side | None = None
    green: Side | None = None
    weights: dict[str, int] = {}
    waiting_for: str = ""
    can_abort: bool = True
    approved: Approval | None = None
    paused: Pause | None = None
    aborted: bool = False
    requested_by: str = ""
    by: str = ""
    reason: str = ""
    bake: BakeLink | None = None
    outcome: str = ""
    notes: tuple[str, ...] = ()
    ledger: tuple[Resource, ...] = ()


def heading(status: Status) -> str:
    """What is done to which stack. A prune, a sweep and an adoption are of no tag."""
    return f"{status.tag or status.workflow} → {status.stack or '?'}"


def checklist_markdown(status: Status) -> str:
    """
    The checklist for the Temporal UI.

    It uses plain list items: the UI renders neither check boxes nor tables well.
    """
    head = f"**{heading(status)}**: {status.phase.replace('_', ' ')}"
    lines = [head, ""]
    for bullet in status.bullets:
        note = f" ({bullet.note})" if bullet.note else ""
        lines.append(f"- {SYMBOLS[bullet.mark]} {bullet.text}{note}")
    if status.paused:
        lines += ["", f"**Paused** by {status.paused.by}: {status.paused.reason}"]
    lines += ["", *(f"> {note}" for note in status.notes)] if status.notes else []
    return "\n".join(lines)
