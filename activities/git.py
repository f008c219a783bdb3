"""Runs git, and passes it secrets without an argument or a file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from domain.errors import InvalidRequest, SourceUnreadable, TransientError

# Seconds.
TIMEOUT = 30
# Bytes; Linux has 64 KB, other systems less.
PIPE_BUFFER = 16_384


# What git prints where another try would fail too.
_TERMINAL = (
    "not found",
    "does not exist",
    "does not appear to be a git repository",
    "Authentication failed",
    "could not read Username",
    "Permission denied",
    "access denied",
    "Repository not found",
    "bad object",
    "unknown revision",
)


@dataclass(frozen=True)
class Access:
    """How git is called. A secret is passed by standard input or by a pipe, never as argument."""

    command: tuple[str, ...] = ("git",)
    environment: dict[str, str] = field(default_factory=dict)
    stdin: str | None = None
    pipes: tuple[int, ...] = ()


@contextmanager
def pipe_with(text: str) -> Iterator[int]:
    """
    The reading end of a pipe that holds the text.

    Raises SourceUnreadable where it does not fit into the pipe's buffer: writing would never end.
    """
    if len(text.encode()) >= PIPE_BUFFER:
        raise SourceUnreadable(f"the token in the credential is longer than {PIPE_BUFFER} bytes")
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "w") as pipe:
            pipe.write(text + "\n")
        yield reading
    finally:
        os.close(reading)


def git(access: Access, *arguments: str, repository: str, timeout: float = TIMEOUT) -> str:
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"} | access.environment
    given: dict[str, Any] = (
        {"stdin": subprocess.DEVNULL} if access.stdin is None else {"input": access.stdin}
    )
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [*access.command, *arguments],
            capture_output=True,
            encoding="utf-8",
            # A subject or a ref may be in any encoding.
            errors="replace",
            timeout=timeout,
            check=False,
            env=environment,
            pass_fds=access.pipes,
            **given,
        )
    except subprocess.TimeoutExpired:
        raise TransientError(f"{repository} did not answer within {timeout} s") from None
    except FileNotFoundError:
        raise SourceUnreadable(f"the worker has no {access.command[0]} on its PATH") from None
    except ValueError:
        # A NUL, or half of a surrogate pair: no program can be called with it.
        what = " ".join(arguments)
        raise InvalidRequest(
            f"git cannot be asked for {what!r}: it holds a character that no tag has"
        ) from None
    except OSError as error:
        raise TransientError(f"git could not be started: {error}") from None
    if done.returncode == 0:
        return done.stdout
    words = " ".join(done.stderr.split())
    if any(known in words for known in _TERMINAL):
        raise SourceUnreadable(
            f"cannot read {repository}: {words}; check the address and the worker's read credential"
        )
    raise TransientError(f"cannot read {repository}: {words}")
