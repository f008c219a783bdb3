"""
Every change that the local cloud makes to moto: declared where it is made, checked, listed.

A part is an object whose methods are declared with `corrects`, `adds` or `replaces`. A method that
corrects gets moto's own function first; after that each method gets what moto passes, beginning
with moto's own object.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from localcloud.upstream import UpstreamChangedError, fingerprint, known_fingerprints, resolve

# What moto had there: the first argument of a method that corrects.
Original = Callable[..., Any]
Function = TypeVar("Function", bound=Callable[..., Any])
# The page of a patch that makes moto faster and changes no answer.
SPEED_ALONE = "(no page: the answer stays the same)"


class Kind(StrEnum):
    CORRECTS = "corrects"  # moto's own code runs, and more before or after it
    ADDS = "adds"  # moto has no such thing
    REPLACES = "replaces"  # moto's own code runs no more


@dataclass(frozen=True)
class Patch:
    kind: Kind
    target: str
    sentence: str
    page: str
    method: str

    @property
    def name(self) -> str:
        return self.target.partition(":")[2]


def corrects(target: str, sentence: str, page: str) -> Callable[[Function], Function]:
    return _declare(Kind.CORRECTS, target, sentence, page)


def adds(target: str, sentence: str, page: str) -> Callable[[Function], Function]:
    return _declare(Kind.ADDS, target, sentence, page)


def replaces(target: str, sentence: str, page: str) -> Callable[[Function], Function]:
    return _declare(Kind.REPLACES, target, sentence, page)


def _declare(kind: Kind, target: str, sentence: str, page: str) -> Callable[[Function], Function]:
    def declare(function: Function) -> Function:
        patch = Patch(kind, target, sentence, page, function.__name__)
        vars(function).setdefault("patches", []).append(patch)
        return function

    return declare


def declared(part: type) -> list[Patch]:
    """In the order in which the class defines them."""
    return [patch for member in vars(part).values() for patch in getattr(member, "patches", [])]


def require_known(patches: Iterable[Patch]) -> None:
    """Raises UpstreamChangedError with everything that moto has changed under the patches."""
    known = known_fingerprints()
    if changes := [change for patch in patches if (change := _change(patch, known))]:
        raise UpstreamChangedError(changes)


def install(part: object) -> None:
    """Put the part's methods into moto. `require_known` comes before."""
    for patch in declared(type(part)):
        _install(patch, getattr(part, patch.method))


def _change(patch: Patch, known: dict[str, list[str]]) -> str:
    """A sentence, or "" when moto is as the patch expects it."""
    try:
        if patch.kind is Kind.ADDS:
            owner, name = resolve(patch.target)
            there = hasattr(owner, name)
            return f"it has {patch.name} now, which the local cloud adds" if there else ""
        if fingerprint(patch.target) in known.get(patch.target, []):
            return ""
    except LookupError as error:
        return f"{error}, which the local cloud {patch.kind}"
    return f"it changed {patch.name}, which the local cloud {patch.kind}: {patch.sentence}"


def _install(patch: Patch, function: Callable[..., Any]) -> None:
    owner, name = resolve(patch.target)
    if patch.kind is Kind.ADDS:
        setattr(owner, name, _plain(function))
        return
    member = inspect.getattr_static(owner, name)
    is_property = isinstance(member, property)
    original = member.fget if is_property else getattr(owner, name)
    changed = functools.partial(function, original) if patch.kind is Kind.CORRECTS else function
    wrapped = functools.wraps(original)(_plain(changed))
    setattr(owner, name, property(wrapped) if is_property else wrapped)


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """As an attribute of a class, a plain function is called with the object; a method is not."""

    def plain(*arguments: Any, **more: Any) -> Any:
        return function(*arguments, **more)

    return plain
