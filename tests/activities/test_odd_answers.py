"""What other programs say, whatever it is, is an answer or one of our errors."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from activities.aws import Aws
from activities.git import PIPE_BUFFER, Access, git, pipe_with
from activities.hooks import SHOWN, Hooks, RunHook
from activities.source import ResolveTag, Source
from domain.config import Hook
from domain.errors import InvalidRequest, NotReady, OvenbirdError, SourceUnreadable


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The URL of a program that answers one call with these bytes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_once() -> None:
            call, _ = server.accept()
            with call:
                call.recv(65_536)
                call.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


def run_hook(url: str) -> str:
    hook = Hook(name="tests", when="pre_cutover", url=url)
    return Hooks(Aws()).run_hook(RunHook(region="eu-west-1", hook=hook, delivery="1", about={}))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense",
        b"\x00\xff",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200,
    ],
)
def test_a_hook_that_speaks_no_http_is_asked_again(answer: bytes) -> None:
    with answering(answer) as url, pytest.raises(NotReady):
        run_hook(url)


def test_a_hooks_status_decides_where_its_words_break_off() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nall is w\xff") as url:
        assert run_hook(url).startswith("all is w")
    with (
        answering(b"HTTP/1.1 403 No\r\nContent-Length: 1000\r\n\r\n" + b"x" * 900) as url,
        pytest.raises(OvenbirdError) as refused,
    ):
        run_hook(url)
    assert len(str(refused.value)) < SHOWN + 100


@pytest.mark.parametrize("tag", ["v1\x00", "v1\ud800"])
def test_a_tag_that_no_program_can_be_called_with_is_refused_at_once(tag: str) -> None:
    with pytest.raises(InvalidRequest, match="git cannot be asked for"):
        Source(Aws(), Path()).resolve_tag(ResolveTag(repository="https://example.com", tag=tag))


def test_words_of_git_in_another_encoding_are_read(tmp_path: Path) -> None:
    at = ("-C", str(tmp_path))
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    who = ("-c", "user.name=ann", "-c", "user.email=ann@example.com")
    encoding = ("-c", "i18n.commitEncoding=latin1")
    commit = ["git", *at, *who, *encoding, "commit", "-q", "--allow-empty", "-F", "-"]
    subprocess.run(commit, input="größer".encode("latin1"), check=True)

    listed = git(Access(), *at, "log", "--format=%s", "--encoding=latin1", repository="here")

    assert "gr" in listed


def test_a_token_that_fits_into_no_pipe_is_refused() -> None:
    with pytest.raises(SourceUnreadable, match="longer than"), pipe_with("x" * PIPE_BUFFER):
        pass
