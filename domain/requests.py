"""The inputs of workflows, and the argument of their signals and updates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from domain.bounded import (
    LONGEST_NAME,
    LONGEST_NOTE,
    refuse_control_characters,
    shown,
    text_of,
)
from domain.models import Model

# A run carries both through its whole life. What is longer is cut, as in a message.
Requester = Annotated[str, AfterValidator(lambda text: text[:LONGEST_NAME])]
Reason = Annotated[str, AfterValidator(lambda text: text[:LONGEST_NOTE])]
Stack = Annotated[
    str, Field(min_length=1, max_length=60), AfterValidator(refuse_control_characters)
]
Tag = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(refuse_control_characters)]
Group = Annotated[
    str, Field(min_length=1, max_length=255), AfterValidator(refuse_control_characters)
]

# Of CloudWatch: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
Alarm = Annotated[
    str, Field(min_length=1, max_length=255), AfterValidator(refuse_control_characters)
]
Alarms = Annotated[tuple[Alarm, ...], Field(max_length=100)]


class StackRequest(BaseModel):
    """A person's request. Unknown fields are mistakes, and are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stack: Stack


class Request(StackRequest):
    tag: Tag
    requested_by: Requester = "unknown"
    reason: Reason = ""


class ReleaseRequest(Request):
    """
    `force` releases a tag although it already serves; `urgent` waits for no window and no freeze.

    `contraction`: it removes from the database what older versions need. Nobody may roll back to
    a version from before it. `despite` names alarms of the stack that do not judge it.
    """

    force: bool = False
    urgent: bool = False
    contraction: bool = False
    despite: Alarms = ()


class PruneRequest(StackRequest):
    requested_by: Requester = "unknown"
    reason: Reason = ""


class RollbackRequest(StackRequest):
    """
    `to` is a deployment's name or a tag; None means the previous deployment that served.

    `force` also permits a rollback to a version from before a contraction. `despite` names alarms
    of the stack that do not judge it.
    """

    force: bool = False
    to: Tag | None = None
    despite: Alarms = ()
    requested_by: Requester = "unknown"
    reason: Reason = ""


class AdoptRequest(StackRequest):
    """`group` is a group that serves the stack and that a person made. It runs `tag`."""

    group: Group
    tag: Tag
    requested_by: Requester = "unknown"
    reason: Reason = ""


class SweepRequest(BaseModel):
    """Without `stack`, every stack of the file. Nothing is changed unless `dry_run` is false."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stack: Stack | None = None
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

    tag: Tag | None = None
    rebake: bool = False
    requested_by: Requester = "unknown"
    reason: Reason = ""


class DiffRequest(StackRequest):
    """Two tags of the stack's application."""

    was: Tag
    now: Tag


@dataclass(frozen=True, repr=False)
class Undecodable:
    """A payload that was not read: its encoding as the sender calls it, and its bytes."""

    encoding: str
    data: bytes
    size: int

    def __repr__(self) -> str:
        return f"a payload of {self.size} bytes in the encoding {self.encoding!r}"


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
            return cls(reason=first[:LONGEST_NOTE])
        known = first if isinstance(first, dict) else {}
        expected = isinstance(first, dict) and not rest and set(first) <= {"by", "reason", "at"}
        return cls(
            by=text_of(known.get("by") or "unknown", LONGEST_NAME),
            reason=text_of(known.get("reason") or "", LONGEST_NOTE),
            at=text_of(known.get("at") or "", LONGEST_NAME),
            malformed="" if expected else shown(values),
        )
