"""The inputs of workflows, and the argument of their signals and updates."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.models import Model


class StackRequest(BaseModel):
    """A person's request. Unknown fields are mistakes, and are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stack: str = Field(min_length=1, max_length=60)


class Request(StackRequest):
    tag: str = Field(min_length=1, max_length=200)
    requested_by: str = "unknown"
    reason: str = ""


class ReleaseRequest(Request):
    """
    `force` releases a tag although it already serves; `urgent` waits for no window and no freeze.

    `contraction`: it removes from the database what older versions need. Nobody may roll back to
    a version from before it.
    """

    force: bool = False
    urgent: bool = False
    contraction: bool = False


class PruneRequest(StackRequest):
    requested_by: str = "unknown"
    reason: str = ""


class RollbackRequest(StackRequest):
    """
    `to` is a deployment's name or a tag; None means the previous deployment that served.

    `force` also permits a rollback to a version from before a contraction.
    """

    force: bool = False
    to: str | None = Field(default=None, min_length=1, max_length=200)
    requested_by: str = "unknown"
    reason: str = ""


class AdoptRequest(StackRequest):
    """`group` is a group that serves the stack and that a person made. It runs `tag`."""

    group: str = Field(min_length=1, max_length=255)
    tag: str = Field(min_length=1, max_length=200)
    requested_by: str = "unknown"
    reason: str = ""


class SweepRequest(BaseModel):
    """Without `stack`, every stack of the file. Nothing is changed unless `dry_run` is false."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stack: str | None = Field(default=None, min_length=1, max_length=60)
    dry_run: bool = True


class BakeRequest(Request):
    """
    `commit` is the one the release resolved; a bake by itself resolves the tag.

    `rebake` makes a new image although one exists. It names the requester, and is part of the new
    image's name.
    """

    commit: str | None = None
    rebake: str = ""


class ImageRequest(StackRequest):
    """Without `tag`, the tag that serves. With `rebake`, also where an image exists."""

    tag: str | None = Field(default=None, min_length=1, max_length=200)
    rebake: bool = False
    requested_by: str = "unknown"
    reason: str = ""


class DiffRequest(StackRequest):
    """Two tags of the stack's application."""

    was: str = Field(min_length=1, max_length=200)
    now: str = Field(min_length=1, max_length=200)


# Characters. A message stands several times in a run's state, which Temporal limits to 2 MB.
LONGEST_NAME, LONGEST_REASON = 200, 2_000


class Message(Model):
    """
    The argument of a signal or update. Longer texts are cut. Anything unexpected is kept in
    `malformed`.

    `at` belongs to an approval: the cutover does not begin before it.
    """

    by: str = "unknown"
    reason: str = ""
    at: str = ""
    malformed: str = ""

    @classmethod
    def lenient(cls, *values: Any) -> Message:
        """Accepts any argument: a wrong argument must not prevent an abort."""
        if not values or values == (None,):
            return cls()
        first, *rest = values
        if isinstance(first, str) and not rest:
            return cls(reason=first[:LONGEST_REASON])
        known = first if isinstance(first, dict) else {}
        expected = isinstance(first, dict) and not rest and set(first) <= {"by", "reason", "at"}
        return cls(
            by=str(known.get("by") or "unknown")[:LONGEST_NAME],
            reason=str(known.get("reason") or "")[:LONGEST_REASON],
            at=str(known.get("at") or "")[:LONGEST_NAME] if expected else "",
            malformed="" if expected else repr(values)[:500],
        )
