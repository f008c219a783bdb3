"""
Every way to fail:

* TerminalError           the same call would fail again: never retried on the way forward
  x InvalidRequest        the request cannot be understood
  x InvalidConfiguration  the stacks file has mistakes, all of them listed
  x UnknownStack          the stacks file has no such stack
  x UnknownTag            the repository has no such tag
  x SourceUnreadable      the repository cannot be read
  x AlreadyServing        the tag already serves
  x Conflict              a name is taken by a resource that is not ours, or two groups serve
  x AwsRefused            AWS refused the call; the message holds AWS's words
  x BakeFailed            a provisioning script failed, or the bake made no image
  x BakeAbandoned         the last release that waited for the bake left it
  x NoCapacity            AWS has no capacity for the builder in this subnet
  x DeploymentUnhealthy   green did not become healthy, or did not stay healthy
  x Aborted               an operator aborted
  x ApprovalExpired       nobody approved in time
  x HookRefused           a hook of the stack refused
  x NotRestored           what must serve instead does not: what serves stays
  x NoCutoverWindow       no cutover window opens within a year
* NotReady                not yet: polled again
* TransientError          the network, throttling, a server's error: always retried

A release that fails has one of three types in its ApplicationError: REFUSED, ROLLED_BACK, DIRTY.
"""

from __future__ import annotations

from domain.bounded import LONGEST_ERROR, shortened

REFUSED = "Refused"
ROLLED_BACK = "RolledBack"
DIRTY = "Dirty"


class OvenbirdError(Exception):
    """
    Every error that Ovenbird raises. The message says what happened, to what, and what to do.

    It may hold the words of AWS, Packer or a hook, so it is shortened: a run has to carry it.
    """

    def __init__(self, words: str = "") -> None:
        super().__init__(shortened(words, LONGEST_ERROR))


class TerminalError(OvenbirdError):
    """The same call would fail again."""


class InvalidRequest(TerminalError):
    """The request cannot be understood."""


class InvalidConfiguration(TerminalError):
    """The stacks file has mistakes."""


class UnknownStack(TerminalError):
    """The stacks file has no such stack."""


class UnknownTag(TerminalError):
    """The repository has no such tag."""


class SourceUnreadable(TerminalError):
    """The repository cannot be read."""


class AlreadyServing(TerminalError):
    """The tag already serves this stack."""


class Conflict(TerminalError):
    """A resource is not ours, or is not what was asked for."""


class AwsRefused(TerminalError):
    """AWS refused a call, and would refuse it again."""


class BakeFailed(TerminalError):
    """The bake made no image."""


class BakeAbandoned(TerminalError):
    """The bake ended because the last release that waited for it left."""


class NoCapacity(TerminalError):
    """AWS has no capacity for the builder in this subnet. The next subnet is tried."""


class DeploymentUnhealthy(TerminalError):
    """The new deployment is not fit to serve."""


class Aborted(TerminalError):
    """An operator aborted the run."""


class ApprovalExpired(TerminalError):
    """Nobody approved the cutover in time."""


class NotRestored(TerminalError):
    """What must serve instead does not, so what serves now may not leave."""


class NoCutoverWindow(TerminalError):
    """The stack's windows and freezes leave no moment for a cutover."""


class HookRefused(TerminalError):
    """A hook refused."""


class NotReady(OvenbirdError):
    """The condition is not met yet. The message says why."""


class TransientError(OvenbirdError):
    """The next try may succeed."""


TERMINAL_ERRORS: list[str] = [error.__name__ for error in TerminalError.__subclasses__()]
