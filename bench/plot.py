"""The picture of a cutover: who answered, what failed, how long it took, second by second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from bench.cutover_plays import Play
    from bench.load import Answer

COLORS = {"v1": "#8d6e63", "v2": "#2e7d32", "v3": "#1565c0", "v4": "#ef6c00"}
FAILED = "#c62828"
# Labels that are closer, as a share of the width, would overlap.
CLOSE = 0.006


def draw(performed: Mapping[str, tuple[Sequence[Play], Sequence[Answer]]], target: Path) -> None:
    figure, rows = plt.subplots(
        2 * len(performed),
        1,
        figsize=(15, 4.6 * len(performed)),
        sharex=False,
        height_ratios=[3, 1] * len(performed),
        layout="constrained",
    )
    for number, (strategy, (plays, answers)) in enumerate(performed.items()):
        _shares(rows[2 * number], strategy, plays, answers)
        _quality(rows[2 * number + 1], answers)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=80)


def _shares(axes: Any, strategy: str, plays: Sequence[Play], answers: Sequence[Answer]) -> None:
    seconds = range(int(max(answer.at for answer in answers)) + 1)
    counts: dict[str, list[int]] = {version: [0] * len(seconds) for version in COLORS}
    for answer in answers:
        if answer.version in counts:
            counts[answer.version][int(answer.at)] += 1
    total = [max(1, sum(counts[version][second] for version in counts)) for second in seconds]
    shares = [
        [100 * counts[version][second] / total[second] for second in seconds] for version in counts
    ]
    axes.stackplot(seconds, shares, labels=list(counts), colors=list(COLORS.values()), alpha=0.85)
    axes.set_ylabel("answers, %")
    axes.set_ylim(0, 100)
    axes.set_xlim(0, len(seconds) - 1)
    for play in plays:
        axes.axvline(play.began, color="white", linewidth=3)
        for at, what in _apart(play.marks, len(seconds) * CLOSE):
            axes.axvline(at, color="black", linewidth=0.6, linestyle=":")
            axes.text(at, 101, what, rotation=55, fontsize=7, ha="left", va="bottom")
    axes.set_title(
        f"strategy {strategy}: {len(answers):,} requests, every second",
        loc="left",
        pad=52,
        fontweight="bold",
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _apart(marks: Sequence[tuple[float, str]], seconds: float) -> list[tuple[float, str]]:
    """Of marks that are close to each other only the last, so that labels do not overlap."""
    return [
        mark
        for mark, after in zip(marks, [*marks[1:], (float("inf"), "")], strict=True)
        if after[0] - mark[0] > seconds
    ]


def _quality(axes: Any, answers: Sequence[Answer]) -> None:
    seconds = range(int(max(answer.at for answer in answers)) + 1)
    of_second: list[list[Answer]] = [[] for _ in seconds]
    for answer in answers:
        of_second[int(answer.at)].append(answer)
    failed = [100 * sum(bool(a.problem) for a in them) / max(1, len(them)) for them in of_second]
    slowest = [
        sorted(a.seconds for a in them if not a.slow)[-max(1, len(them) // 20) :]
        for them in of_second
    ]
    axes.bar(seconds, failed, width=1, color=FAILED, label="failed, %")
    axes.set_ylabel("failed, %", color=FAILED)
    axes.set_ylim(0, max(10, *failed))
    axes.set_xlim(0, len(seconds) - 1)
    latency = axes.twinx()
    latency.plot(
        seconds, [1000 * them[0] if them else 0 for them in slowest], color="#37474f", linewidth=1
    )
    latency.set_ylabel("p95, ms")
    latency.set_ylim(0)
    axes.set_xlabel("seconds")
