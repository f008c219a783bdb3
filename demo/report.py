"""What happened, in numbers, and whether it is what was promised."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from demo.account import Snapshot, aws_calls
from demo.traffic import Tally


@dataclass(frozen=True)
class Outcome:
    """`back` is the users' of the rollbacks. `calls` are the API requests of the last release; `expected` the deployments that should be left."""

    tally: Tally
    back: Tally | None
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
        if self.back:
            checks.append(
                (
                    self.back.failed == 0,
                    f"{self.back.failed} requests failed during the rollbacks: {self.back.failures[:3]}",
                )
            )
        return [words for kept, words in checks if not kept]


def show(outcome: Outcome, console: Console) -> None:
    tally, left = outcome.tally, outcome.left
    table = Table(
        title="What happened",
        box=None,
        show_header=False,
        title_style="bold",
        title_justify="left",
        padding=(0, 2),
    )
    table.add_row("requests", f"sent: {tally.sent}, failed: {tally.failed}")
    for version, (first, last) in sorted(tally.spans.items(), key=lambda span: span[1]):
        table.add_row(
            f"  {version}", f"{tally.versions[version]} answers, from {first:.1f} s to {last:.1f} s"
        )
    if outcome.back:
        table.add_row(
            "  in the rollbacks", f"sent: {outcome.back.sent}, failed: {outcome.back.failed}"
        )
    for name, seconds in outcome.seconds.items():
        table.add_row(name, f"{seconds:.1f} s")
    actions = Counter(aws_calls(outcome.calls))
    table.add_row(
        "AWS API calls",
        f"{sum(actions.values())} in the last release, its bake included: "
        + ", ".join(f"{a} {n}" for a, n in actions.most_common(6))
        + ", …",
    )
    table.add_row("pruned", ", ".join(outcome.result["pruned"]) or "nothing")
    table.add_row(
        "left",
        f"{len(left.groups)} groups, {len(left.templates)} launch templates, {len(left.images)} images (the base image among them), "
        f"{len(left.snapshots)} snapshots, {len(left.instances)} instances, security groups: {', '.join(left.security_groups)}",
    )
    for name, group in sorted(
        left.groups.items(), key=lambda item: item[1]["tags"].get("ovenbird:served-at", "")
    ):
        table.add_row(
            f"  {group['tags'].get('ovenbird:state', '-')}",
            f"{name}, {len(group['instances'])} instances",
        )
    console.print(table)
    for problem in outcome.problems():
        console.print(f"[bold red]broken promise:[/] {problem}")
