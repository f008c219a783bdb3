"""Writes docs/meddled.md from the rows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from bench.meddle.judge import Row

HEAD = (
    "| seed | play | strategy | meddling | moment | outcome | it says | who answered | |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def line(row: Row) -> str:
    """As progress is shown."""
    mark = "BAD " if row.bad else "" if row.struck else "(nothing there) "
    wrong = "; ".join(row.wrong)
    return (
        f"{mark}seed {row.seed}: {row.play}, {row.strategy}; {row.meddling}; {row.moment}; "
        f"{row.seconds:.0f} s; {row.ending.kind}; {_says(row)} / {row.told}"
        f"{'; ' + wrong if wrong else ''}{' ' + str(row.problems) if row.problems else ''}"
    )


def markdown(rows: list[Row], *, seconds: float, lanes: int, cores: int) -> str:
    bad = [row for row in rows if row.bad]
    struck = sum(row.struck for row in rows)
    requests = sum(row.requests for row in rows)
    return f"""# Meddled with

Written by `make meddle` on {datetime.now(UTC):%Y-%m-%d}, in {seconds / 60:.0f} minutes, on \
{cores} cores, against the local cloud, with {lanes} stacks side by side.
In each run somebody else changes the account while a stack is released, rolled back, aborted or \
swept: what, and at which moment, is decided by the seed. Users send requests at every door all \
the time, until the end and some seconds after it.
A row is *bad* where what the run says of who serves is not what answered in those last seconds, \
or where requests failed that the meddler did not make fail himself.

{len(rows)} runs, {struck} of them meddled with (in the others the moment or the thing did not \
come), {requests} requests, **{len(bad)} bad rows**.

{_counts(rows)}

{HEAD}
{chr(10).join(_row(row) for row in rows)}

## Bad rows

{chr(10).join(_in_full(row) for row in bad) or "None."}
"""


def _counts(rows: list[Row]) -> str:
    outcomes = Counter(row.ending.kind for row in rows)
    plays = Counter((row.play, row.strategy) for row in rows)
    bad = Counter((row.play, row.strategy) for row in rows if row.bad)
    lines = [f"Outcomes: {', '.join(f'{n} {kind}' for kind, n in sorted(outcomes.items()))}.", ""]
    lines += ["| play | strategy | runs | bad |", "|---|---|---|---|"]
    lines += [f"| {p} | {s} | {n} | {bad[p, s]} |" for (p, s), n in sorted(plays.items())]
    return "\n".join(lines)


def _says(row: Row) -> str:
    return " and ".join(sorted(row.says)) if row.says else "-"


def _row(row: Row) -> str:
    mark = "**bad**" if row.bad else "" if row.struck else "nothing there"
    cells = (row.seed, row.play, row.strategy, row.meddling, row.moment, row.ending.kind)
    return f"| {' | '.join(map(str, cells))} | {_says(row)} | {row.told} | {mark} |"


def _in_full(row: Row) -> str:
    return f"""### Seed {row.seed}: {row.play}, {row.strategy}

`make meddle RUNS=1 SEED={row.seed}`

- meddling: {row.meddling}; {row.moment}
- outcome: {row.ending.kind} after {row.seconds:.1f} s
- its words: {" ".join(row.ending.words.split()) or "-"}
- who answered at the end: {row.told}
{chr(10).join(f"- **{wrong}**" for wrong in row.wrong)}
"""
