"""One list for README, checklist and code; and the published schema is the program's own."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

import pytest

from demo.processes import ROOT
from domain.status import Status
from worker import WORKFLOWS
from workflows import bake, prune, release, rollback, sweep
from workflows.parts import Release, Rollback
from workflows.steps.surplus import Surplus
from workflows.steps.sweeping import Sweeping
from workflows.unknown import TYPES, UnknownWorkflow


def listed(heading: str) -> list[str]:
    """The numbered list under a bold heading of the README."""
    text = (ROOT / "README.md").read_text()
    section = text.split(f"**{heading}**", 1)[1].split("**", 1)[0]
    return re.findall(r"^\d+\. (.+)$", section, re.MULTILINE)


def awaited(run: Callable[..., Any]) -> Iterator[list[str]]:
    """The names after the first one of each `await name.part.method(...)`, in source order."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(run)))
    calls = [
        node.value.func
        for node in ast.walk(tree)
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call)
    ]
    for call in sorted(calls, key=lambda call: call.lineno):
        path: list[str] = []
        place: ast.expr = call
        while isinstance(place, ast.Attribute):
            path.insert(0, place.attr)
            place = place.value
        if path:
            yield path


def said(parts: type, run: Callable[..., Any]) -> list[str]:
    """The sentences of the methods that `run` awaits, as `parts` types them; each once."""
    hints = get_type_hints(parts)
    sentences = []
    for path in awaited(run):
        owner = hints.get(path[0], parts) if len(path) == 2 else parts
        method = getattr(owner, path[-1], None)
        if text := getattr(method, "sentence", ""):
            sentences.append(text)
    return list(dict.fromkeys(sentences))


LISTS = [
    ("Bake", bake.SENTENCES, bake.Bake, bake.BakeWorkflow.run),
    ("Release", release.SENTENCES, Release, release.ReleaseWorkflow.run),
    ("Roll back", rollback.SENTENCES, Rollback, rollback.RollbackWorkflow.run),
]


@pytest.mark.parametrize(("heading", "sentences", "parts", "run"), LISTS, ids=lambda each: each)
def test_the_readme_the_checklist_and_the_code_have_the_same_order(
    heading: str, sentences: tuple[str, ...], parts: type, run: Callable[..., Any]
) -> None:
    assert listed(heading) == list(sentences)
    assert said(parts, run) == list(sentences)


def test_a_sweep_goes_by_its_checklist() -> None:
    assert said(Sweeping, sweep.SweepStackWorkflow.run) == list(sweep.SENTENCES)


def test_a_prune_goes_by_its_checklist_and_ends_with_the_last_sentence_of_a_release() -> None:
    assert said(Surplus, prune.PruneWorkflow.run) == list(prune.SENTENCES)
    assert prune.SENTENCES[-1] == release.SENTENCES[-1]


def test_the_refusal_of_an_unknown_type_names_all_that_there_are() -> None:
    assert {kind.__name__ for kind in WORKFLOWS} - {UnknownWorkflow.__name__} == set(TYPES)


def test_the_published_schema_of_status_is_the_programs() -> None:
    assert json.loads((ROOT / "docs/status.schema.json").read_text()) == Status.model_json_schema()


def test_nothing_imports_the_two_programs() -> None:
    """Import-linter knows packages only; worker.py and starter.py are the top of the house."""
    rooms = ("domain", "workflows", "activities", "console", "localcloud", "demo", "bench")
    for path in (path for room in rooms for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str | None] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            assert not {"worker", "starter"} & set(names), path
