"""What a run says of who serves, who answered in truth, and whether the two are the same."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bench.meddle.doors import NOBODY, Answer, told, who

# The version of what meddlers bring into the traffic.
FOREIGN = "v9"
COMPLETED, ROLLED_BACK, REFUSED, DIRTY = "Completed", "RolledBack", "Refused", "Dirty"
SWEPT, ASKS = "Swept", "Asks"
_VERSIONS = re.compile(r"\bv[123]\b")
# What says who serves, as people read it: "… serves v1", "v1 and v2 answer", "nobody answers".
_SERVES = re.compile(r"\b(?:serves|serve|answers|answer|goes on serving|go on serving)\b")
_NOT_SAID = re.compile(
    r"\b(?:not fit to serve|does not answer|both versions serve until|that serves?)\b"
)
_NOBODY = re.compile(r"\b(?:nobody|nothing|no version|none)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Ending:
    """
    How a run ended, in its own words.

    `marked` is the tag that a sweep names as the one that serves; empty where there is none.
    """

    kind: str
    words: str = ""
    marked: str = ""


@dataclass
class Row:
    seed: int
    play: str
    strategy: str
    meddling: str
    moment: str
    struck: bool = False
    ending: Ending = field(default_factory=lambda: Ending("not played"))
    says: frozenset[str] | None = None
    answered: frozenset[str] = frozenset()
    told: str = ""
    requests: int = 0
    charged: list[str] = field(default_factory=list)
    # What the meddler could not do, and why.
    problems: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def bad(self) -> bool:
        return bool(self.wrong)


def says(ending: Ending, old: str, new: str) -> frozenset[str] | None:
    """The versions that serve by the run's own words. None: it does not say."""
    if ending.kind == COMPLETED:
        return frozenset({new})
    if ending.kind in (ROLLED_BACK, REFUSED):
        return frozenset({old})
    if ending.kind == SWEPT and ending.marked:
        return frozenset({ending.marked})
    return _in_words(ending.words) if ending.kind == DIRTY else None


def _in_words(words: str) -> frozenset[str] | None:
    """All who answer by the words that tell it: before the list of what is left to do."""
    told = words.split("Left to do", maxsplit=1)[0]
    for begins in ("and yet", "The way back failed:"):
        told = told.rsplit(begins, 1)[-1]
    found: set[str] = set()
    for clause in re.split(r"[;:,()\n]| and |\. ", told):
        if _SERVES.search(clause) and not _NOT_SAID.search(clause):
            found |= {NOBODY} if _NOBODY.search(clause) else set(_VERSIONS.findall(clause))
    return frozenset(found) or None


def judge(
    row: Row,
    answers: list[Answer],
    tail: list[Answer],
    *,
    tags: tuple[str, str],
    excused: tuple[float, float],
    stranger: bool,
) -> None:
    """
    `answers` are all since the play began, `tail` the last ones, after the run has ended.

    `tags` are the old and the new one. Requests that failed in the time `excused` are the meddler's
    own.
    """
    row.says = says(row.ending, *tags)
    row.answered = who(tail) - ({FOREIGN} if stranger else frozenset())
    row.told, row.requests = told(tail), len(answers)
    begin, end = excused
    failed = [one for one in answers if one.problem and not (begin <= one.done and one.at <= end)]
    first = answers[0].at if answers else 0.0
    row.charged = [f"{one.at - first:.1f} s: {one.problem} at {one.door}" for one in failed]
    if row.ending.kind.startswith("no end"):
        row.wrong.append(row.ending.kind)
    if not tail:
        # A meddler has closed every door: nobody can ask.
        pass
    elif row.says is None:
        if row.ending.kind == DIRTY:
            row.wrong.append(f"it does not say who serves; {row.told} answered")
    elif row.says != row.answered:
        row.wrong.append(f"it says that {' and '.join(sorted(row.says))} serves; {row.told}")
    if failed:
        row.wrong.append(
            f"{len(failed)} of {len(answers)} requests failed: {row.charged[0]} … "
            f"{failed[-1].at - first:.1f} s"
        )
