"""
Every way to fail:

* TerminalError                 the same call again would end the same way: never retried on the way forward
  x InvalidRequest        the request cannot be understood
  x InvalidConfiguration  the stacks file has mistakes, all of them listed
  x UnknownStack          the stacks file has no such stack
  x UnknownTag            the repository has no such tag
  x SourceUnreadable      the repository cannot be read
  x AlreadyServing        the tag already serves
  x Conflict              something with our name exists and is not ours, or two groups claim the stack
  x AwsRefused            AWS said no, in its own words
  x BakeFailed            a provisioning script failed, or no image came of it
  x BakeAbandoned         nobody waited for the bake any more
  x NoCapacity            AWS has no capacity for the builder in this subnet
  x DeploymentUnhealthy             green did not become healthy, or did not stay so
  x Aborted               an operator said stop
  x ApprovalExpired       nobody approved in time
  x HookRefused           a hook of the stack said no
  x NoCutoverWindow       no cutover window opens within a year
* NotReady                not yet: looked at again
* TransientError                  the network, throttling, a server's error: always retried

How a release ends badly is one of three words, the `type` of its ApplicationError: REFUSED, ROLLED_BACK, DIRTY.
"""

from __future__ import annotations

REFUSED = "Refused"
ROLLED_BACK = "RolledBack"
DIRTY = "Dirty"


class OvenbirdError(Exception):
    """Whatever Ovenbird raises itself. Its message is for the operator: what happened, to what, what to do."""


class TerminalError(OvenbirdError):
    """It would end the same way again."""


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
    """What is there is not ours, or not what was asked for."""


class AwsRefused(TerminalError):
    """AWS refused a call for a reason that another try would not change."""


class BakeFailed(TerminalError):
    """No image came of the bake."""


class BakeAbandoned(TerminalError):
    """The bake ended because the last release that waited for it left."""


class NoCapacity(TerminalError):
    """AWS has no capacity for the builder here: the next subnet is tried."""


class DeploymentUnhealthy(TerminalError):
    """The new deployment is not fit to serve."""


class Aborted(TerminalError):
    """An operator said stop."""


class ApprovalExpired(TerminalError):
    """Nobody approved the cutover in time."""


class NoCutoverWindow(TerminalError):
    """The stack's windows and freezes leave no moment for a cutover."""


class HookRefused(TerminalError):
    """Who was asked said no."""


class NotReady(OvenbirdError):
    """Not yet, and why."""


class TransientError(OvenbirdError):
    """It may well work the next time."""


TERMINAL_ERRORS: list[str] = [error.__name__ for error in TerminalError.__subclasses__()]
