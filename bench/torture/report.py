"""Writes docs/crash-matrix.md from what was measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bench.meddle.judge import Row
from bench.meddle.report import line
from bench.torture.audit import AuditReport
from bench.torture.matrix import KILLS, LINE, REPLIES, Results, Tried
from bench.torture.plays import PLAYS
from bench.torture.storm import Storm

PEERS = """\
| for scale: the stack that this replaces, on moto | points | something left | left after a rerun |
|---|---|---|---|
| Packer 1.6.6, killed at each call of a bake \
| 10 | 9 (instance, security group, key pair) | 9 |
| Ansible amazon.aws, careful playbook, killed at each call of a deployment \
| 22 | all points before the end; nothing resumes | 2 |
| Ansible amazon.aws, groups named by timestamp \
| 22 | all points before the end; nothing resumes | 21 |"""


@dataclass
class Found:
    """What all parts of a torture showed."""

    results: Results = field(default_factory=Results)
    # False where points were left over because no lane was left.
    tried_all: bool = True
    storm: Storm = field(default_factory=Storm)
    aborts: list[AuditReport] = field(default_factory=list)
    meddled: list[Row] = field(default_factory=list)

    def kept(self, releases: int) -> bool:
        """Whether every promise was kept, with as many releases in the storm as were asked for."""
        broken = self.results.broken() or self.storm.broken() or self.storm.failed_requests
        return (
            not broken
            and self.tried_all
            and len(self.storm.audits) == releases
            and all(audit.kept for audit in self.aborts)
            and not any(row.bad for row in self.meddled)
        )


def markdown(found: Found, *, seconds: float, lanes: int, cores: int) -> str:
    return f"""# The crash matrix

Written by `make torture` on {datetime.now(UTC):%Y-%m-%d}, in {seconds / 60:.0f} minutes, on \
{cores} cores, against the local cloud (without delays), with {lanes} stacks side by side.
Each call of a worker to AWS in these plays is a point. At each point the fault strikes once.
Visitors send requests all the time. An auditor that shares no code with Ovenbird compares the \
account before and after.
*Killed*: SIGKILL of the worker while AWS holds the call, before or after its effect; another \
worker is started. *Hangs 30 s*: no answer (a read times out after 10 s).
*Kept*: it ended as promised; there were never fewer healthy targets than the stack has; sizes \
and tags are as they should be; no instance, group, image or command exists twice.

| play | fault | points | struck | kept | resources left | duplicates | requests | failed |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(_rows(found.results))}

*Kept* counts only points that were struck. Some points were not struck in three tries: those runs \
did not need that call (a look less). They say nothing.

## The storm

{_storm(found.storm)}

## From "abort" to "blue serves exactly as before"

{_aborts(found.aborts)}

## Meddled with

{_meddled(found.meddled)}

## For scale

{PEERS}
"""


def _rows(results: Results) -> list[str]:
    rows = []
    for play in PLAYS:
        for fault in (*KILLS, LINE, *REPLIES):
            tried = [
                one for one in results.tried if (one.point.play, one.point.fault) == (play, fault)
            ]
            if tried:
                rows.append(_row(play, fault, tried))
    return [*rows, _row("**all**", "", results.tried)]


def _storm(storm: Storm) -> str:
    plays = ", ".join(f"{count} {play}" for play, count in sorted(storm.plays.items()))
    endings = ", ".join(f"{count} {ending}" for ending, count in sorted(storm.endings.items()))
    share = 100 * storm.failed_calls / max(1, storm.calls)
    kept = len(storm.audits) - len(storm.broken())
    return f"""{sum(storm.plays.values())} plays ({plays}; aborts at any moment). \
{storm.failed_calls} of {storm.calls} AWS calls failed ({share:.0f} %: throttled, 500, reset, \
reply lost). {storm.kills} workers were killed.
Temporal's server was killed and started again {storm.restarts} time(s).
Endings: {endings}.
Promises kept: **{kept} of {len(storm.audits)}**; {storm.failed_requests} of {storm.requests} \
requests of the visitors failed."""


def _aborts(aborts: list[AuditReport]) -> str:
    times = sorted(audit.seconds for audit in aborts)
    return f"""{len(times)} consecutive aborts at random moments of a release: median \
{statistics.median(times):.2f} s, worst {times[-1]:.2f} s, the cloud's own time included; \
promises kept: {sum(audit.kept for audit in aborts)} of {len(aborts)}."""


def _meddled(rows: list[Row]) -> str:
    bad = [row for row in rows if row.bad]
    words = f"""{len(rows)} runs of `make meddle`, in which somebody else changes the account: \
{len(bad)} bad rows. docs/meddled.md has more of them."""
    return "\n".join([words, "", *(f"- {line(row)}" for row in bad)]).strip()


def _row(play: str, fault: str, tried: list[Tried]) -> str:
    kept = sum(one.struck and one.audit.kept for one in tried)
    numbers = (
        len(tried),
        sum(one.struck for one in tried),
        kept,
        sum(len(one.audit.left) for one in tried),
        sum(len(one.audit.duplicates) for one in tried),
        sum(one.audit.requests for one in tried),
        sum(one.audit.failed_requests for one in tried),
    )
    return f"| {play} | {fault} | " + " | ".join(str(number) for number in numbers) + " |"
