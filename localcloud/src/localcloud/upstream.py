"""
What is taken from moto, and whether it is the moto that the local cloud knows.

No other module imports moto. Patches name their targets as text (patches.py), so that all that
moto has changed is reported at once, in sentences.
`python -m localcloud.record` adds the fingerprints of the installed moto to upstream.json.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import json
import textwrap
from importlib.metadata import version
from pathlib import Path
from typing import Any

from localcloud.settings import ACCOUNT

KNOWN = Path(__file__).with_name("upstream.json")


class UpstreamChangedError(RuntimeError):
    """The installed moto is not one that the local cloud knows."""

    def __init__(self, changes: list[str]) -> None:
        super().__init__(
            f"moto {version('moto')} is not a version that the local cloud knows:\n  "
            + "\n  ".join(changes)
            + "\nInstall a version that it permits (pip show ovenbird-localcloud), or see"
            ' "A new version of moto" in its README.'
        )


try:
    from moto.autoscaling.exceptions import AutoscalingClientError
    from moto.autoscaling.models import (
        ASG_NAME_TAG,
        Activity,
        EnterStandbyActivity,
        ExitStandbyActivity,
        InstanceState,
        TerminateInstanceActivity,
    )
    from moto.backends import get_backend
    from moto.core.responses import ActionResult, EmptyResult
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix, parse_user_data
    from moto.elb.exceptions import ELBClientError
    from moto.elb.models import FakeHealthCheck
    from moto.elbv2.exceptions import TargetGroupNotFoundError
    from moto.elbv2.models import FakeHealthStatus
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.ssm.exceptions import SSMException
except ImportError as missing:
    raise UpstreamChangedError([f"the local cloud uses what it lacks: {missing}"]) from missing

__all__ = [
    "ASG_NAME_TAG",
    "EC2_PREFIX_TO_RESOURCE",
    "ActionResult",
    "Activity",
    "AutoscalingClientError",
    "DomainDispatcherApplication",
    "EC2ClientError",
    "ELBClientError",
    "EmptyResult",
    "EnterStandbyActivity",
    "ExitStandbyActivity",
    "FakeHealthCheck",
    "FakeHealthStatus",
    "InstanceState",
    "SSMException",
    "TargetGroupNotFoundError",
    "TerminateInstanceActivity",
    "UpstreamChangedError",
    "backend",
    "backends",
    "create_backend_app",
    "get_prefix",
    "parse_user_data",
]


@functools.cache
def _of_account(service: str) -> Any:
    return get_backend(service)[ACCOUNT]


def backends(service: str) -> list[Any]:
    """Moto's backends of a service, one for each AWS region that anybody has called."""
    return list(_of_account(service).values())


def backend(service: str, region: str) -> Any:
    return _of_account(service)[region]


def resolve(target: str) -> tuple[Any, str]:
    """
    The owner and the attribute's name of "module:Class.attribute" or "module:function".

    Raises LookupError when moto has no such module or class.
    """
    module_name, _, path = target.partition(":")
    owner_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
        return (getattr(module, owner_name) if owner_name else module), name
    except (ImportError, AttributeError) as error:
        raise LookupError(f"moto no longer has {module_name} {owner_name}") from error


def fingerprint(target: str) -> str:
    """Of the source of what moto has there. Raises LookupError when it has nothing."""
    owner, name = resolve(target)
    try:
        member = inspect.getattr_static(owner, name)
    except AttributeError as error:
        raise LookupError(f"moto no longer has {target}") from error
    function: Any = member.fget if isinstance(member, property) else getattr(owner, name)
    source = inspect.getsource(inspect.unwrap(function))
    return hashlib.sha256(textwrap.dedent(source).encode()).hexdigest()[:16]


def known_fingerprints() -> dict[str, list[str]]:
    known: dict[str, list[str]] = json.loads(KNOWN.read_text())
    return known
