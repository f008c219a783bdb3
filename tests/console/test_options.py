"""Options that every command has, and the program itself."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from starter import app

COMMANDS = sorted(getattr(get_command(app), "commands"))  # noqa: B009 (typed as any command)


def test_the_program_says_its_version() -> None:
    shown = CliRunner().invoke(app, ["--version"])

    assert (shown.exit_code, shown.stdout) == (0, f"ovenbird {version('ovenbird')}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_answers_in_json(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "-h"], prog_name="ovenbird")

    assert shown.exit_code == 0, shown.output
    for words in (f"ovenbird {command}", "--help", "--json"):
        assert words in shown.stdout


def test_help_has_a_long_name() -> None:
    short, long = (CliRunner().invoke(app, ["release", option]) for option in ("-h", "--help"))

    assert (long.exit_code, long.stdout) == (0, short.stdout)
