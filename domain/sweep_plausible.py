"""Is what a sweep was shown plausible? Else it must not clear anything."""

from __future__ import annotations

from collections.abc import Collection

from domain.models import State
from domain.sweep import Finding, Inventory


def looks_wrong(inventory: Inventory, findings: Collection[Finding], share: float) -> str:
    """
    Why the sweep must stop; empty where the inventory is plausible.

    `share` is the largest part of the deployments that may go. One deployment may always go.
    """
    deployments = inventory.deployments
    serving = [d for d in deployments if d.state is State.SERVING]
    if len(serving) > 1:
        return f"{len(serving)} groups say that they serve: {', '.join(d.name for d in serving)}"
    if not serving and any(d.served_at for d in deployments):
        return "AWS shows deployments that served, and none that serves"
    templates = {owned.name for owned in inventory.owned if owned.kind == "launch template"}
    if not deployments and len(templates) > 1:
        return f"AWS shows no group of this stack, but {len(templates)} launch templates"
    going = {f.name for f in findings if f.action in ("remove group", "remove template")}
    there = {d.name for d in deployments} | templates
    if len(going) > max(1, share * len(there)):
        return (
            f"{len(going)} of {len(there)} deployments would go: more than the share of {share:g}"
        )
    return ""
