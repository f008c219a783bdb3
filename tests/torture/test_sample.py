"""A small sample of `make torture`, run as its user runs it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys

from demo.processes import ROOT


async def test_a_sample_of_the_torture_keeps_every_promise() -> None:
    command = [sys.executable, "-m", "bench.torture", "--lanes", "1", "--plays", "release with"]
    process = await asyncio.to_thread(
        subprocess.run,
        [*command, "--sample", "1", "--storm", "0", "--aborts", "1", "--meddled", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, (process.stdout + process.stderr)[-5000:]
    all_points = re.search(r"\| \*\*all\*\* \|[^\n]*", process.stdout)
    assert all_points
    points, struck, kept, left, duplicates, requests, failed = (
        int(cell) for cell in re.findall(r"\d+", all_points[0])
    )
    assert (points, kept, left, duplicates, failed) == (1, struck, 0, 0, 0)
    assert struck >= 1
    assert requests > 0
    assert "promises kept: 1 of 1" in process.stdout
