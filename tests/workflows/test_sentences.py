"""One text for README, checklist, log and UI; the published schema is the program's own."""

from __future__ import annotations

import ast
import json
import re

from demo.processes import ROOT
from domain.status import Status
from workflows.checklist import sentences
from workflows.release import ReleaseSteps
from workflows.rollback import RollbackSteps
from workflows.steps.delivering import DeliveringSteps


def listed(heading: str) -> list[str]:
    """The numbered list under a bold heading of the README."""
    text = (ROOT / "README.md").read_text()
    section = text.split(f"**{heading}**", 1)[1].split("**", 1)[0]
    return re.findall(r"^\d+\. (.+)$", section, re.MULTILINE)


def test_the_readme_lists_what_a_bake_does() -> None:
    assert listed("Bake") == sentences(DeliveringSteps)


def test_the_readme_lists_what_a_release_does() -> None:
    assert listed("Release") == sentences(ReleaseSteps)


def test_the_readme_lists_what_a_rollback_does() -> None:
    assert listed("Roll back") == sentences(RollbackSteps)


def test_the_published_schema_of_status_is_the_programs() -> None:
    assert json.loads((ROOT / "docs/status.schema.json").read_text()) == Status.model_json_schema()


def test_nothing_imports_the_two_programs() -> None:
    """Import-linter knows packages only; worker.py and starter.py are the top of the house."""
    rooms = ("domain", "workflows", "activities", "console", "localcloud", "demo", "bench")
    for path in (path for room in rooms for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [getattr(node, "module", "")]
            )
            assert not {"worker", "starter"} & set(
                names if isinstance(node, ast.Import | ast.ImportFrom) else []
            ), path
