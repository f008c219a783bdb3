"""From when on may a sweep touch what a closed run left?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from domain.requests import StackRequest
from domain.sweep import Finding
from domain.times import utc


class StackSweep(StackRequest):
    """`by_name`: a person named this stack."""

    by_name: bool = False


def dated(
    findings: Iterable[Finding],
    closed: Mapping[str, str],
    *,
    now: datetime,
    age: timedelta,
    surely: timedelta | None,
) -> list[Finding]:
    """
    Those that may not be touched yet get `not_before`.

    `closed` says when the run of a release closed, as far as Temporal knows. What a release made is
    touched `age` after it was made and its run closed. Where a person asks, `surely` after the run
    closed is enough: then no worker executes a call of that run any more. What belongs to no
    release is never too young.
    """
    return [
        finding.model_copy(update={"not_before": _said(at) if at and at > now else ""})
        for finding in findings
        for at in [_from_when(finding, utc(closed.get(finding.release, "")), age, surely)]
    ]


def _from_when(
    finding: Finding, closed_at: datetime | None, age: timedelta, surely: timedelta | None
) -> datetime | None:
    known = [time for time in (utc(finding.made_at), closed_at) if time]
    if not finding.release or not known:
        return None
    at = max(known) + age
    return min(at, closed_at + surely) if closed_at and surely is not None else at


def _said(at: datetime) -> str:
    """To the next full second, so that it is never too early."""
    return (at + timedelta(microseconds=999_999)).replace(microsecond=0).isoformat()
