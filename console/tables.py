"""Answers that are lists: plans, histories, the rollback board, ledgers, stacks."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table


def table(headings: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """On a terminal a table; in a pipe, tab-separated lines under a heading."""
    if not sys.stdout.isatty():
        for row in [headings, *rows]:
            print("\t".join(str(cell) for cell in row))
        return
    grid = Table(box=None, header_style="bold")
    for heading in headings:
        grid.add_column(heading)
    for row in rows:
        grid.add_row(*(str(cell) for cell in row))
    Console().print(grid)


def show_diff(found: dict[str, Any]) -> None:
    was, now = found["was"], found["now"]
    print(
        f"{was['tag']} ({was['commit'][:12]}, {was['id']}) → {now['tag']} ({now['commit'][:12]}, {now['id']})"
    )
    if was["base_image"] != now["base_image"]:
        print(f"base image: {was['base_image']} → {now['base_image']}")
    if was["recipe"] != now["recipe"]:
        print(f"recipe: {was['recipe']} → {now['recipe']}")
    for line in found["commits"]:
        print(f"commit: {line}")
    for what, changes in (("package", found["packages"]), ("file", found["files"])):
        for change in changes:
            if not change["was"] or not change["now"]:
                print(
                    f"{what}: {'-' if change['was'] else '+'} {change['name']} {change['was'] or change['now']}"
                )
            else:
                print(f"{what}: {change['name']} {change['was']} → {change['now']}")
    if found["more"]:
        print(f"and {found['more']} more")


def show_checks(found: list[dict[str, Any]]) -> None:
    table(
        ["", "what", "found"],
        [
            ["✗" if one["problem"] else "✓", one["what"], one["problem"] or one["found"]]
            for one in found
        ],
    )


def show_plan(plan: dict[str, Any]) -> None:
    """In the words of the checklist."""
    image = f"reuse {plan['image']}" if plan["image"] else f"bake it ({plan['bake']})"
    beside = (
        f"beside {plan['blue']} ({plan['blue_tag']})" if plan["blue"] else "as the first deployment"
    )
    print(f"A release of {plan['tag']} ({plan['commit'][:12]}) to {plan['stack']} would:")
    moves = (
        "wait for an approval before the cutover"
        if plan["approval"]
        else "cut over without an approval"
    )
    if plan["strategy"] == "weighted":
        moves += ", step by step, by the weights of its listener rules"
    for line in (
        f"image: {image}",
        f"create a launch {plan['launch']} and an Auto Scaling group of {plan['size']} {beside}",
        f"attach it to {', '.join(plan['target_groups'])}",
        moves,
        f"watch it for {plan['soak']:g} s, then drain and park the old one"
        if plan["blue"]
        else f"watch it for {plan['soak']:g} s",
        f"prune {', '.join(plan['prune'])}" if plan["prune"] else "prune nothing",
    ):
        print(f"  - {line}")
    for problem in plan["problems"]:
        print(f"✗ it would be refused: {problem}")
    for words in plan["unknown"]:
        print(f"? {words}")


def show_history(deployments: list[dict[str, Any]]) -> None:
    if not deployments:
        print("no deployments")
        return
    rows = (
        (
            d["name"],
            d["tag"],
            d["state"] or "-",
            (d["served_at"] or "never served")[:19],
            f"{len(d['group']['instances'])}/{d['group']['desired']}",
        )
        for d in deployments
    )
    table(["deployment", "tag", "state", "served at", "instances"], rows)


def show_stacks(stacks: list[dict[str, Any]]) -> None:
    rows = (
        (
            s["name"],
            s["application"]["name"],
            s["region"],
            f"{s['capacity']['min']} to {s['capacity']['max']}",
            "yes" if s["approval"] else "no",
        )
        for s in stacks
    )
    table(["stack", "application", "region", "size", "approval"], rows)


def show_board(board: list[dict[str, Any]]) -> None:
    """State, age, seconds it took last time, and what blocks each."""
    if not board:
        print("nothing is kept to go back to")
        return
    rows = (
        (
            c["tag"],
            c["deployment"] or f"(launch {c['image']} again)",
            c["state"],
            _age(c["served_at"]),
            f"{c['seconds_last_time']:.0f} s" if c["seconds_last_time"] else "-",
            c["blocked"] or "-",
        )
        for c in board
    )
    table(["tag", "deployment", "state", "served", "last time", "blocked by"], rows)


def show_ledger(ledger: dict[str, Any]) -> None:
    print(f"{ledger['tag']} to {ledger['stack']}, run {ledger['run']} ({ledger['ended']})")
    if not ledger["ledger"]:
        print("nothing was intended")
        return
    rows = (
        (
            e["of"],
            e["kind"],
            e["name"],
            _clock(e["intended"]),
            _clock(e["made"]),
            _clock(e["gone"]),
            "" if e["gone"] else "there",
        )
        for e in ledger["ledger"]
    )
    table(["of", "kind", "name", "intended", "made", "deleted", ""], rows)


def show_sweep(stacks: list[dict[str, Any]]) -> None:
    """One line a finding, and what became of it."""
    for swept in stacks:
        if swept["stopped"]:
            print(f"{swept['stack']}: nothing is cleared: {swept['stopped']}")
        elif not swept["findings"]:
            print(f"{swept['stack']}: nothing is left over")
        for found in swept["findings"]:
            done = "cleared" if found["name"] in swept["cleared"] else "found"
            left = swept["left"].get(found["name"])
            print(
                f"{swept['stack']}: {done}: {found['action']} {found['name']}: {found['why']}"
                + (f"; not cleared: {left}" if left else "")
            )
    if any(s["findings"] and s["dry_run"] for s in stacks):
        print("This was a dry run; --apply clears it.")


def _clock(at: str | None) -> str:
    return at[11:19] if at else "-"


def _age(at: str) -> str:
    if not at:
        return "never"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} seconds ago"
