"""What a release would do, and what a rollback could return to."""

from __future__ import annotations

from domain.models import Model


class Candidate(Model):
    """
    A deployment or an image that a rollback could return to.

    `blocked` says why it cannot; it is empty where it can. `deployment` is None where only the
    image is kept.
    """

    deployment: str | None
    tag: str
    commit: str
    state: str
    served_at: str = ""
    image: str | None = None
    blocked: str = ""


class Plan(Model):
    """
    What a release would do. `soak` is in seconds.

    `image` would be reused; else `bake` is the id of the bake that would make one. `problems`
    would have the release refused; `warnings` stop nothing. `unknown` could not be determined.
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
    warnings: tuple[str, ...] = ()
