"""What happened, in numbers, and which promises were broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from demo.account import Snapshot, aws_calls
from demo.visitors import Tally


@dataclass(frozen=True)
class Outcome:
    """
    What the demo measured.

    `tally` is of the last release, `in_rollbacks` of the rollbacks; `calls` are the API requests of
    the last release, and `left` is what the account holds at the end.
    """

    tally: Tally
    in_rollbacks: Tally | None
    result: dict[str, Any]
    calls: list[dict[str, Any]]
    left: Snapshot
    keep: int
    wanted_versions: set[str]
    seconds: dict[str, float]
    least_requests: int

    def problems(self) -> list[str]:
        """Every promise that was broken; empty when all were kept."""
        tally, left = self.tally, self.left
        builders = [name for name in left.security_groups if name.startswith("ovenbird-bake")]
        serving = [
            group
            for group in left.groups.values()
            if group["tags"].get("ovenbird:state") == "serving"
        ]
        running = {instance for group in left.groups.values() for instance in group["instances"]}
        checks = [
            (tally.failed == 0, f"{tally.failed} requests failed: {tally.failures[:3]}"),
            (tally.sent >= self.least_requests, f"only {tally.sent} requests were sent"),
            (
                self.wanted_versions <= set(tally.versions),
                f"not all versions were seen: {dict(tally.versions)}",
            ),
            (len(left.groups) <= self.keep, f"{len(left.groups)} groups are left, not {self.keep}"),
            (left.templates == sorted(left.groups), "launch templates and groups do not match"),
            (len(serving) == 1, f"{len(serving)} groups say that they serve"),
            (
                set(left.instances) == running,
                f"instances outside of any group: {set(left.instances) - running}",
            ),
            (not builders, f"temporary security groups are left: {builders}"),
        ]
        if self.in_rollbacks:
            failed, failures = self.in_rollbacks.failed, self.in_rollbacks.failures
            words = f"{failed} requests failed during the rollbacks: {failures[:3]}"
            checks.append((failed == 0, words))
        return [words for kept, words in checks if not kept]


def show(outcome: Outcome, console: Console) -> None:
    table = Table(
        title="What happened",
        box=None,
        show_header=False,
        title_style="bold",
        title_justify="left",
        padding=(0, 2),
    )
    for row in (*_requests(outcome), *_work(outcome), *_remains(outcome.left)):
        table.add_row(*row)
    console.print(table)
    for problem in outcome.problems():
        console.print(f"[bold red]broken promise:[/] {problem}")


def _requests(outcome: Outcome) -> Iterator[tuple[str, str]]:
    tally = outcome.tally
    yield "requests", f"sent: {tally.sent}, failed: {tally.failed}"
    for version, (first, last) in sorted(tally.spans.items(), key=lambda span: span[1]):
        count = tally.versions[version]
        yield f"  {version}", f"{count} answers, from {first:.1f} s to {last:.1f} s"
    if back := outcome.in_rollbacks:
        yield "  in the rollbacks", f"sent: {back.sent}, failed: {back.failed}"


def _work(outcome: Outcome) -> Iterator[tuple[str, str]]:
    for name, seconds in outcome.seconds.items():
        yield name, f"{seconds:.1f} s"
    actions = Counter(aws_calls(outcome.calls))
    most = ", ".join(f"{action} {count}" for action, count in actions.most_common(6))
    count = sum(actions.values())
    yield "AWS API calls", f"{count} in the last release, its bake included: {most}, …"
    yield "pruned", ", ".join(outcome.result["pruned"]) or "nothing"


def _remains(left: Snapshot) -> Iterator[tuple[str, str]]:
    counts = (
        f"{len(left.groups)} groups, {len(left.templates)} launch templates, "
        f"{len(left.images)} images (the base image among them), "
        f"{len(left.snapshots)} snapshots, {len(left.instances)} instances"
    )
    yield "left", f"{counts}, security groups: {', '.join(left.security_groups)}"
    for name, group in sorted(
        left.groups.items(), key=lambda item: item[1]["tags"].get("ovenbird:served-at", "")
    ):
        state = group["tags"].get("ovenbird:state", "-")
        yield f"  {state}", f"{name}, {len(group['instances'])} instances"
