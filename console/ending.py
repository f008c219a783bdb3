"""How a command ends: its answer on standard output, or an exit code and a message."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import typer
from temporalio.service import RPCError

from console.codes import DONE, FAILED, INTERRUPTED, Stop

# A command gives its answer at once, or asks Temporal for it first.
Answer = Callable[[], Any] | Coroutine[Any, Any, Any]


def answer(command: Answer, show: Callable[[Any], None], as_json: bool) -> Any:
    """Run the command and print what it returns."""
    result = run(command, as_json)
    if as_json:
        print_json(result)
    else:
        show(result)
    return result


def run(command: Answer, as_json: bool) -> Any:
    """What the command returns. Where it cannot, the process exits with the code for the reason."""
    try:
        return command() if callable(command) else asyncio.run(command)
    except Stop as stop:
        _exit_with(stop, as_json)
    except RPCError as error:
        _exit_with(Stop(FAILED, f"Temporal refused: {error.message}"), as_json)
    except KeyboardInterrupt:
        print(
            "\ninterrupted; what is under way on the workers goes on: ovenbird status shows it",
            file=sys.stderr,
        )
        leave(INTERRUPTED)


def print_json(value: Any) -> None:
    print(json.dumps(value, default=str, ensure_ascii=False))


def leave(code: int) -> NoReturn:
    """
    End the process before the interpreter ends.

    Temporal's runtime may crash a short-lived process when the interpreter ends.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run_program(program: typer.Typer) -> NoReturn:
    """Every way in which a command can end passes here."""
    try:
        program(standalone_mode=False)
    except typer.Exit as done:
        leave(done.exit_code)
    except typer.Abort:
        leave(INTERRUPTED)
    except Exception as error:
        if hasattr(error, "exit_code") and hasattr(error, "show"):
            error.show()
            leave(error.exit_code)
        raise
    leave(DONE)


def _exit_with(stop: Stop, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"error": stop.words, "exit_code": stop.code} | stop.facts)
    else:
        print(stop.words, file=sys.stderr)
    leave(stop.code)
