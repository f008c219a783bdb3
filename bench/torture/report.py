"""docs/crash-matrix.md, written from what was measured."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime

from bench.torture.audit import Verdict
from bench.torture.matrix import KILLS, LINE, REPLIES, Results, Tried
from bench.torture.plays import PLAYS
from bench.torture.storm import Storm

PEERS = """| for scale: the same on the stack that this replaces, on moto | points | something left behind | still left after a person reruns it |
|---|---|---|---|
| Packer 1.6.6, process tree killed at each call of a bake | 10 | 9 (instance, security group, key pair) | 9 |
| Ansible amazon.aws, careful playbook, killed at each call of a deployment | 22 | all points before the end; nothing resumes | 2 |
| Ansible amazon.aws, groups named by timestamp | 22 | all points before the end; nothing resumes | 21 |"""


def markdown(
    results: Results,
    storm: Storm,
    reactions: list[Verdict],
    *,
    seconds: float,
    lanes: int,
    cores: int,
) -> str:
    rows = []
    for play in PLAYS:
        for fault in (*KILLS, LINE, *REPLIES):
            tried = [
                one for one in results.tried if (one.point.play, one.point.fault) == (play, fault)
            ]
            if tried:
                rows.append(_row(play, fault, tried))
    rows.append(_row("**all**", "", results.tried))
    storm_kept = len(storm.verdicts) - len(storm.broken())
    times = sorted(verdict.seconds for verdict in reactions)
    return f"""# The crash matrix

Written by `make torture` on {datetime.now(UTC):%Y-%m-%d}, against the local cloud (without delays), on {cores} cores, {lanes} stacks side by side, in {seconds / 60:.0f} minutes.
Every call that a worker makes to AWS in these plays is a point; at each the fault strikes once, users ask the balancer all the time, and an auditor that
shares no code with Ovenbird compares the account before and after. *Killed*: SIGKILL of the worker while AWS holds the call, before or after its
effect; another worker is started. *Hangs 30 s*: no answer (a read times out after 10 s). *Kept*: it ended as promised, the fewest healthy targets at any moment were
as many as the stack has, sizes and tags are what they should be, no second instance, group, image or command.

| play | fault | points | struck | kept | resources left | duplicates | requests | failed |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

*Kept* is of those struck. A point that was not struck, in three plays, is a call that they did not need to make (a look less): it says nothing.

## The storm

{sum(storm.plays.values())} plays ({", ".join(f"{count} {play}" for play, count in sorted(storm.plays.items()))}; aborts at any moment), {storm.failed_calls} of {storm.calls} AWS calls failed
({100 * storm.failed_calls / max(1, storm.calls):.0f} %: throttled, 500, reset, reply lost), {storm.kills} workers killed, Temporal's server killed and started again {storm.restarts} time(s).
Endings: {", ".join(f"{count} {ending}" for ending, count in sorted(storm.endings.items()))}.
Promises kept: **{storm_kept} of {len(storm.verdicts)}**; {storm.failed_requests} of {storm.requests} requests of the users failed.

## From "abort" to "blue serves exactly as before"

{len(times)} consecutive aborts at random moments of a release: median {statistics.median(times):.2f} s, worst {times[-1]:.2f} s, the cloud's own time included; promises kept: {sum(v.kept for v in reactions)} of {len(reactions)}.

## For scale

{PEERS}
"""


def _row(play: str, fault: str, tried: list[Tried]) -> str:
    kept = sum(one.struck and one.verdict.kept for one in tried)
    numbers = (
        len(tried),
        sum(one.struck for one in tried),
        kept,
        sum(len(one.verdict.left) for one in tried),
        sum(len(one.verdict.duplicates) for one in tried),
        sum(one.verdict.requests for one in tried),
        sum(one.verdict.failed_requests for one in tried),
    )
    return f"| {play} | {fault} | " + " | ".join(str(number) for number in numbers) + " |"
