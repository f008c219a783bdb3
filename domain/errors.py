"""
Every way to fail:

* Verdict                 the same call again would end the same way: never retried on the way forward
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
  x Unhealthy             green did not become healthy, or did not stay so
  x Aborted               an operator said stop
  x ApprovalExpired       nobody approved in time
  x HookRefused           a hook of the stack said no
* NotReady                not yet: looked at again
* Hiccup                  the network, throttling, a server's error: always retried

How a release ends badly is one of three words, the `type` of its ApplicationError: REFUSED, ROLLED_BACK, DIRTY.
"""

from __future__ import annotations

REFUSED = "Refused"
ROLLED_BACK = "RolledBack"
DIRTY = "Dirty"


class OvenbirdError(Exception):
    """Whatever Ovenbird raises itself. Its message is for the operator: what happened, to what, what to do."""


class Verdict(OvenbirdError):
    """It would end the same way again."""


class InvalidRequest(Verdict):
    """The request cannot be understood."""


class InvalidConfiguration(Verdict):
    """The stacks file has mistakes."""


class UnknownStack(Verdict):
    """The stacks file has no such stack."""


class UnknownTag(Verdict):
    """The repository has no such tag."""


class SourceUnreadable(Verdict):
    """The repository cannot be read."""


class AlreadyServing(Verdict):
    """The tag already serves this stack."""


class Conflict(Verdict):
    """What is there is not ours, or not what was asked for."""


class AwsRefused(Verdict):
    """AWS refused a call for a reason that another try would not change."""


class BakeFailed(Verdict):
    """No image came of the bake."""


class BakeAbandoned(Verdict):
    """The bake ended because the last release that waited for it left."""


class NoCapacity(Verdict):
    """AWS has no capacity for the builder here: the next subnet is tried."""


class Unhealthy(Verdict):
    """The new deployment is not fit to serve."""


class Aborted(Verdict):
    """An operator said stop."""


class ApprovalExpired(Verdict):
    """Nobody approved the cutover in time."""


class HookRefused(Verdict):
    """Who was asked said no."""


class NotReady(OvenbirdError):
    """Not yet, and why."""


class Hiccup(OvenbirdError):
    """It may well work the next time."""


VERDICTS: list[str] = [verdict.__name__ for verdict in Verdict.__subclasses__()]
