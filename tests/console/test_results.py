"""`watch` shows the result of whatever held the lock."""

from __future__ import annotations

from typing import Any

import pytest

from console import results
from domain.models import Adopted, Swept
from domain.retention import Pruned

SWEPT = Swept(
    stack="shop",
    dry_run=False,
    findings=({"action": "park", "name": "shop-v1", "why": "it was woken"},),
    cleared=("shop-v1",),
)
ADOPTED = Adopted(stack="shop", deployment="web", tag="v1", commit="c0ffee")
PRUNED = Pruned(stack="shop", dry_run=True, verdicts=(), under_way=True)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (SWEPT, "shop: cleared: park shop-v1: it was woken"),
        (ADOPTED, "shop is served by web, which runs v1 (c0ffee)"),
        (PRUNED, "A run holds the lock of this stack"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_result_of_every_kind_of_run_is_shown(
    result: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    results.show(result.model_dump(mode="json"))

    assert words in capsys.readouterr().out
