"""Answers that are lists: plans, histories, the rollback board, ledgers, stacks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from domain.tags import moment


def table(headings: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """On a terminal a table; in a pipe, tab-separated lines under a heading."""
    if not sys.stdout.isatty():
        for row in [headings, *rows]:
            print("\t".join(str(cell) for cell in row))
        return
    # Only what draws waits until Rich is imported.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, header_style="bold")
    for heading in headings:
        grid.add_column(heading)
    for row in rows:
        # As Text: a tag or a reason may hold what Rich takes for markup.
        grid.add_row(*(Text(str(cell)) for cell in row))
    Console().print(grid)


def show_running(rows: list[dict[str, Any]]) -> None:
    if not rows:
        print("nothing is being released")
        return
    table(
        ["stack", "tag", "phase", "since"], ([cell or "-" for cell in row.values()] for row in rows)
    )


def show_diff(found: dict[str, Any]) -> None:
    was, now = found["was"], found["now"]
    print(f"{_image(was)} → {_image(now)}")
    if was["base_image"] != now["base_image"]:
        print(f"base image: {was['base_image']} → {now['base_image']}")
    if was["recipe"] != now["recipe"]:
        print(f"recipe: {was['recipe']} → {now['recipe']}")
    for line in found["commits"]:
        print(f"commit: {line}")
    for kind, changes in (("package", found["packages"]), ("file", found["files"])):
        for change in changes:
            print(f"{kind}: {_change(change)}")
    if found["more"]:
        print(f"and {found['more']} more")


def _image(image: dict[str, Any]) -> str:
    return f"{image['tag']} ({image['commit'][:12]}, {image['id']})"


def _change(change: dict[str, Any]) -> str:
    if not change["was"]:
        return f"+ {change['name']} {change['now']}"
    if not change["now"]:
        return f"- {change['name']} {change['was']}"
    return f"{change['name']} {change['was']} → {change['now']}"


def show_checks(found: list[dict[str, Any]]) -> None:
    rows = (
        ("✗" if check["problem"] else "✓", check["what"], check["problem"] or check["found"])
        for check in found
    )
    table(["", "what", "found"], rows)


def show_plan(plan: dict[str, Any]) -> None:
    """In the order and the words of the checklist."""
    print(f"A release of {plan['tag']} ({plan['commit'][:12]}) to {plan['stack']} would:")
    for step in _planned_steps(plan):
        print(f"  - {step}")
    for problem in plan["problems"]:
        print(f"✗ it would be refused: {problem}")
    for warning in plan.get("warnings", ()):
        print(f"! {warning}")
    for question in plan["unknown"]:
        print(f"? {question}")


def _planned_steps(plan: dict[str, Any]) -> Iterator[str]:
    blue = plan["blue"]
    beside = f"beside {blue} ({plan['blue_tag']})" if blue else "as the first deployment"
    yield f"image: reuse {plan['image']}" if plan["image"] else f"image: bake it ({plan['bake']})"
    yield f"create a launch {plan['launch']} and an Auto Scaling group of {plan['size']} {beside}"
    yield f"attach it to {', '.join(plan['target_groups'])}"
    cutover = (
        "wait for an approval before the cutover"
        if plan["approval"]
        else "cut over without an approval"
    )
    by_weights = ", step by step, by the weights of its listener rules"
    yield cutover + (by_weights if plan["strategy"] == "weighted" else "")
    park = ", then drain and park the old one" if blue else ""
    yield f"watch it for {plan['soak']:g} s{park}"
    yield f"prune {', '.join(plan['prune'])}" if plan["prune"] else "prune nothing"


def show_history(deployments: list[dict[str, Any]]) -> None:
    if not deployments:
        print("no deployments")
        return
    rows = (
        (
            deployment["name"],
            deployment["tag"],
            deployment["state"] or "-",
            (deployment["served_at"] or "never served")[:19],
            f"{len(deployment['group']['instances'])}/{deployment['group']['desired']}",
        )
        for deployment in deployments
    )
    table(["deployment", "tag", "state", "served at", "instances"], rows)


def show_stacks(stacks: list[dict[str, Any]]) -> None:
    rows = (
        (
            stack["name"],
            stack["application"]["name"],
            stack["region"],
            f"{stack['capacity']['min']} to {stack['capacity']['max']}",
            "yes" if stack["approval"] else "no",
        )
        for stack in stacks
    )
    table(["stack", "application", "region", "size", "approval"], rows)


def show_board(board: list[dict[str, Any]]) -> None:
    """State, age, seconds it took last time, and what blocks each."""
    if not board:
        print("nothing is kept to go back to")
        return
    rows = (
        (
            candidate["tag"],
            candidate["deployment"] or f"(launch {candidate['image']} again)",
            candidate["state"],
            _age(candidate["served_at"]),
            f"{candidate['seconds_last_time']:.0f} s" if candidate["seconds_last_time"] else "-",
            candidate["blocked"] or "-",
        )
        for candidate in board
    )
    table(["tag", "deployment", "state", "served", "last time", "blocked by"], rows)


def show_ledger(ledger: dict[str, Any]) -> None:
    print(f"{ledger['tag']} to {ledger['stack']}, run {ledger['run']} ({ledger['ended']})")
    if not ledger["ledger"]:
        print("nothing was intended")
        return
    rows = (
        (
            entry["of"],
            entry["kind"],
            entry["name"],
            _clock(entry["intended"]),
            _clock(entry["made"]),
            _clock(entry["gone"]),
            "" if entry["gone"] else "there",
        )
        for entry in ledger["ledger"]
    )
    table(["of", "kind", "name", "intended", "made", "deleted", ""], rows)


def show_sweep(stacks: list[dict[str, Any]]) -> None:
    for swept in stacks:
        name = swept["stack"]
        if swept["stopped"]:
            print(f"{name}: nothing is cleared: {swept['stopped']}")
        elif not swept["findings"]:
            print(f"{name}: nothing is left over")
        for finding in swept["findings"]:
            print(f"{name}: {_finding(finding, swept)}")
    if any(_would_clear(swept) for swept in stacks):
        print("This was a dry run; --apply clears it.")


def _would_clear(swept: dict[str, Any]) -> bool:
    old_enough = [finding for finding in swept["findings"] if not finding.get("not_before")]
    return bool(swept["dry_run"] and old_enough and not swept["stopped"])


def _finding(finding: dict[str, Any], swept: dict[str, Any]) -> str:
    done = "cleared" if finding["name"] in swept["cleared"] else "found"
    left = swept["left"].get(finding["name"])
    then = finding.get("not_before")
    later = f"too young: it may be touched from {then} on" if then else ""
    reason = f"; not cleared: {left}" if left else f"; {later}" if later else ""
    return f"{done}: {finding['action']} {finding['name']}: {finding['why']}{reason}"


def _clock(at: str | None) -> str:
    return at[11:19] if at else "-"


def _age(at: str) -> str:
    if not at:
        return "never"
    served = moment(at)
    if served is None:
        return "at an unknown time"
    seconds = (datetime.now(UTC) - served).total_seconds()
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} seconds ago"
