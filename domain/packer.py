"""What Packer's machine-readable output says: the stage, the image, Packer's own errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from domain.bounded import LONGEST_NOTE, shortened
from domain.errors import BakeFailed, NoCapacity, TransientError

# Lines of the scripts' last output that are kept for the operator, and Packer's own error lines.
TAIL = 15
ERRORS = 50
# Packer tries once. After one of these errors another run may succeed, once the resources of this
# run are cleared: network errors, AWS server errors, and the errors that follow a lost reply.
TRANSIENT = (
    "RequestError",
    "send request failed",
    "connection reset",
    "EOF",
    "i/o timeout",
    "Throttling",
    "RequestLimitExceeded",
    "InternalError",
    "InternalFailure",
    "ServiceUnavailable",
    "Unavailable",
    "status code: 5",
    "InvalidKeyPair.Duplicate",
    "InvalidGroup.Duplicate",
    "InvalidPermission.Duplicate",
    "InvalidInstanceID.NotFound",
    "InvalidGroup.NotFound",
    "InvalidAMIID.NotFound",
    "InvalidAMIName.Duplicate",
    "StatusCode: 5",
    "exceeded maximum number of attempts",
    "InvalidKeyPair.NotFound",
    # An earlier run made an image of this name: the next run adopts it or reports its owner.
    "conflicts with an existing AMI",
    "is used by an existing AMI",
    # A worker that stops also stops its Packer.
    "was cancelled",
    "was canceled",
)


class Stage(IntEnum):
    """The stage of a build; each is a sentence of a bake."""

    STARTED = 0
    LAUNCHING = 1
    COPYING = 2
    PULLING = 3
    IMAGING = 4


@dataclass(frozen=True)
class Line:
    """
    One line of output; `kind` is ui, artifact, error, …

    https://developer.hashicorp.com/packer/docs/commands#machine-readable-output
    """

    target: str
    kind: str
    data: tuple[str, ...]

    @property
    def text(self) -> str:
        """The text that a person would have read."""
        return self.data[-1] if self.kind in ("ui", "error") and self.data else ""


def parse(line: str) -> Line | None:
    """None where the line does not have that format: a plugin's warning, for example."""
    parts = line.rstrip("\r\n").split(",")
    if len(parts) < 3 or not parts[0].isdigit():
        return None
    _, target, kind, *data = (_plain(part) for part in parts)
    return Line(target=target, kind=kind, data=tuple(data))


def _plain(part: str) -> str:
    return part.replace("%!(PACKER_COMMA)", ",").replace("\\n", "\n").replace("\\r", "\r")


@dataclass(frozen=True)
class Build:
    """The result of the lines so far. `images` are pairs of region and image id."""

    stage: Stage = Stage.STARTED
    provisioners: int = 0
    images: tuple[tuple[str, str], ...] = ()
    errors: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()

    def with_line(self, line: Line) -> Build:
        """One more line, in order."""
        now = self
        if line.kind == "ui":
            text = line.text.strip()
            if line.data[:1] != ("say",) and not text.startswith(("Build ", "-->")):
                now = replace(
                    now, tail=(*now.tail, *(_said(part) for part in text.splitlines()))[-TAIL:]
                )
            message = text.partition(": ")[2] if text.startswith("==> ") else ""
            if message.startswith("Provisioning with"):
                now = replace(now, provisioners=now.provisioners + 1)
            now = replace(now, stage=max(now.stage, now.reached(message)))
        elif line.kind == "error":
            text = shortened(line.text.strip(), LONGEST_NOTE)
            now = replace(now, errors=(*now.errors, text)[-ERRORS:])
        elif line.kind == "artifact" and line.data[1:2] == ("id",):
            ids = ",".join(line.data[2:3])
            made = (pair.partition(":") for pair in ids.split(","))
            now = replace(now, images=tuple((region, image) for region, _, image in made))
        return now

    def reached(self, message: str) -> Stage:
        """
        The stage that this message marks.

        The first upload or provisioner copies the configuration; the second one pulls the code.
        """
        if message.startswith("Launching a source AWS instance"):
            return Stage.LAUNCHING
        if message.startswith("Uploading") or (
            message.startswith("Provisioning with") and self.provisioners == 1
        ):
            return Stage.COPYING
        if message.startswith("Provisioning with"):
            return Stage.PULLING
        if message.startswith(
            ("Stopping the source instance", "Creating AMI", "Creating unencrypted AMI")
        ):
            return Stage.IMAGING
        return self.stage


def _said(text: str) -> str:
    """Without Packer's prefix: "==> amazon-ebs.image: " or the same, indented."""
    return shortened(re.sub(r"^(==> |    )?[\w.-]+: ", "", text), LONGEST_NOTE)


def ended(build: Build, code: int, region: str, log: str = "") -> str:
    """
    The image's id, after Packer has ended with exit code `code`. `log` is where its output is kept.

    Raises TransientError where another try may succeed or Packer was killed, NoCapacity, or
    BakeFailed with Packer's own error lines.
    """
    image = dict(build.images).get(region)
    if code == 0 and image:
        return image
    if code < 0 or code >= 128:
        raise TransientError("Packer was killed; what it left is cleared away, and it is run again")
    words = "\n".join(f"  {line}" for line in dict.fromkeys(build.errors) if line)
    more = f"\nthe whole log is {log}; the last lines of what ran:\n" + "\n".join(
        f"  {line}" for line in build.tail
    )
    if code == 0:
        raise BakeFailed(f"Packer ended well, and named no image in {region};{more}")
    if "InsufficientInstanceCapacity" in words:
        raise NoCapacity(f"AWS has no capacity for the builder in this subnet:\n{words}")
    if any(sign.lower() in words.lower() for sign in TRANSIENT):
        raise TransientError(f"Packer will be run again:\n{words}")
    raise BakeFailed(f"Packer ended with exit code {code}:\n{words}{more}")


def variables(known: Mapping[str, Any], *, more: Mapping[str, str]) -> dict[str, str]:
    """A template's variables, as strings. `more` are the team's own, and override the others."""
    return {
        name: str(value) for name, value in known.items() if isinstance(value, str | int)
    } | dict(more)
