"""The ledger of a run: every resource that it meant to make, made, and removed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.continued import Touched
    from domain.status import Resource


class Ledger:
    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Resource] = {}
        self._touched: dict[tuple[str, str], datetime] = {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __contains__(self, entry: tuple[str, str]) -> bool:
        """`entry` is a kind and a name."""
        return entry in self._entries

    @property
    def entries(self) -> tuple[Resource, ...]:
        return tuple(self._entries.values())

    @property
    def touched(self) -> tuple[Touched, ...]:
        return tuple(
            Touched(kind=kind, name=name, at=at) for (kind, name), at in self._touched.items()
        )

    def restore(self, entries: Iterable[Resource], touched: Iterable[Touched]) -> None:
        self._entries = {(entry.kind, entry.name): entry for entry in entries}
        self._touched = {(each.kind, each.name): each.at for each in touched}

    def names(self, kind: str) -> list[str]:
        return [name for of, name in self._entries if of == kind]

    def intends(self, kind: str, name: str) -> None:
        """Before the call that makes it."""
        intended = workflow.now().isoformat()
        self._entries[kind, name] = Resource(kind=kind, name=name, intended=intended)

    def made(self, kind: str, name: str) -> None:
        self._touched[kind, name] = workflow.now()
        made = {"made": workflow.now().isoformat()}
        self._entries[kind, name] = self._entries[kind, name].model_copy(update=made)

    def unknown(self, kind: str, name: str) -> None:
        """The call failed, and it may have taken effect all the same."""
        self._touched[kind, name] = workflow.now()

    def never_made(self, kind: str, name: str) -> None:
        del self._entries[kind, name]

    def gone(self, kind: str, name: str) -> None:
        entry = self._entries.get((kind, name), Resource(kind=kind, name=name))
        gone = {"gone": workflow.now().isoformat()}
        self._entries[kind, name] = entry.model_copy(update=gone)

    def visible_by(self, kind: str, name: str, grace: float) -> datetime | None:
        """
        From then on AWS shows it, if it was made; None where no call asked for it.

        `grace` is the eventual-consistency grace in seconds.
        """
        touched = self._touched.get((kind, name))
        return touched + timedelta(seconds=grace) if touched else None
