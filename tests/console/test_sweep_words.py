"""What `ovenbird sweep` prints: what is there, and from when on it may be cleared."""

from __future__ import annotations

from typing import Any

import pytest

from console import tables

LATER = "2026-11-26T12:10:00+00:00"


def swept(*not_before: str, **more: Any) -> dict[str, Any]:
    findings = [
        {"action": "remove group", "name": f"v{n}", "why": "it never served", "not_before": time}
        for n, time in enumerate(not_before, start=1)
    ]
    return {
        "stack": "shop",
        "dry_run": True,
        "findings": findings,
        "cleared": [],
        "left": {},
        "stopped": "",
    } | more


def test_what_is_too_young_is_shown_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show_sweep([swept(LATER)])

    assert capsys.readouterr().out == (
        "shop: found: remove group v1: it never served; "
        f"too young: it may be touched from {LATER} on\n"
    )


def test_apply_is_offered_only_where_it_would_clear_something(
    capsys: pytest.CaptureFixture[str],
) -> None:
    offered = "This was a dry run; --apply clears it."
    for found, wanted in (
        (swept(LATER, ""), True),
        (swept(""), True),
        (swept(LATER), False),
        (swept("", stopped="two groups say that they serve"), False),
        (swept("", dry_run=False), False),
    ):
        tables.show_sweep([found])
        assert (offered in capsys.readouterr().out) is wanted
