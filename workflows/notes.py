"""Notes of a run: what an operator should know, also after its end."""

from __future__ import annotations

from collections.abc import Iterable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.bounded import LONGEST_NOTE, shortened

MOST_NOTES = 50


class Notes:
    """Bounded, since messages may come without end: the last ones, and a count of the others."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.left_out = 0

    @property
    def words(self) -> tuple[str, ...]:
        earlier = (f"{self.left_out} earlier notes are left out",) if self.left_out else ()
        return (*earlier, *self.kept)

    def add(self, words: str) -> None:
        words = shortened(words, LONGEST_NOTE)
        if self.kept[-1:] == [words]:
            return
        self.kept.append(words)
        if len(self.kept) > MOST_NOTES:
            del self.kept[0]
            self.left_out += 1

    def restore(self, kept: Iterable[str], left_out: int) -> None:
        self.kept, self.left_out = list(kept), left_out
