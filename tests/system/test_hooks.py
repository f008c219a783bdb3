"""Hooks are called in their moments, and a hook that says no ends the release."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from tests.stacks import StackUnderTest, new_tags

MakeStack = Callable[..., StackUnderTest]
KEY = "planted-hook-key"


class Called:
    """A server that hooks call. It keeps each body. The last of its `answers` is repeated."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.answers: dict[str, list[int]] = {}
        called = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                about = json.loads(body)
                signed = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
                about["signed"] = self.headers.get("X-Ovenbird-Signature") == f"sha256={signed}"
                called.told.append(about)
                answers = called.answers.get(about["hook"], [200])
                status = answers.pop(0) if len(answers) > 1 else answers[0]
                words = b"looks good" if status == 200 else b"no, thank you"
                self.send_response(status)
                self.send_header("Content-Length", str(len(words)))
                self.end_headers()
                self.wfile.write(words)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its own name)
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def hook(self, name: str, when: str, more: str = "") -> str:
        url = f"http://127.0.0.1:{self.server.server_port}/"
        return f'[[stacks.STACK.hooks]]\nname = "{name}"\nwhen = "{when}"\nurl = "{url}"\n{more}\n'


@pytest.fixture
def called() -> Iterator[Called]:
    made = Called()
    yield made
    made.server.shutdown()
    made.server.server_close()


def add(stack: StackUnderTest, text: str) -> None:
    stack.theatre.stacks[stack.name] += "\n" + text.replace("STACK", stack.name)
    stack.theatre.write_stacks()


SMOKE_TEST = """[[stacks.STACK.hooks]]
name = "smoke"
when = "pre_cutover"
command = "test -e $DESTDIR/srv/app/app.py && echo version $(cat $DESTDIR/srv/app/VERSION)"
"""


async def test_hooks_are_called_in_their_moments_signed_and_their_no_rolls_back(
    make_stack: MakeStack, called: Called
) -> None:
    stack = make_stack()
    stack.account.ssm.put_parameter(Name=f"/{stack.name}/hook", Value=KEY, Type="SecureString")
    secret = f'secret.parameter = "/{stack.name}/hook"'
    moments = ("pre_bake", "pre_cutover", "post_cutover", "on_rollback")
    add(stack, "".join(called.hook(when.replace("_", "-"), when, secret) for when in moments))
    add(stack, SMOKE_TEST)
    new_tags(stack, "v1", "v2")
    await release_with_every_hook(stack, called)
    before = stack.account.snapshot(only=stack.name).groups
    handle = await fail_by_a_hook(stack, called)
    assert stack.account.snapshot(only=stack.name).groups == before
    history = await handle.fetch_history()
    assert KEY not in history.to_json()


async def release_with_every_hook(stack: StackUnderTest, called: Called) -> None:
    # The hook is not ready in its first two answers.
    called.answers["pre-cutover"] = [503, 202, 200]
    result = await stack.release("v1")

    assert [about["hook"] for about in called.told] == [
        "pre-bake",
        "pre-cutover",
        "pre-cutover",
        "pre-cutover",
        "post-cutover",
    ]
    assert all(about["signed"] for about in called.told)
    assert len({about["delivery"] for about in called.told}) == 3
    assert (called.told[0]["stack"], called.told[0]["tag"]) == (stack.name, "v1")
    assert "hook pre-cutover: looks good" in result["notes"]
    assert "hook smoke: version v1" in result["notes"]


async def fail_by_a_hook(
    stack: StackUnderTest, called: Called
) -> WorkflowHandle[Any, dict[str, Any]]:
    called.told.clear()
    called.answers["post-cutover"] = [409]
    handle = await stack.start("v2")
    error = await stack.fails(handle)
    assert error.type == "RolledBack"
    assert "the hook post-cutover says no (409): no, thank you" in error.message
    assert [about["hook"] for about in called.told] == [
        "pre-bake",
        "pre-cutover",
        "post-cutover",
        "on-rollback",
    ]
    assert "says no" in called.told[-1]["reason"]
    return handle


async def test_a_hook_that_never_answers_is_given_up(make_stack: MakeStack) -> None:
    stack = make_stack()
    # Nothing listens on port 9.
    url = "http://127.0.0.1:9/"
    add(
        stack,
        f'[[stacks.STACK.hooks]]\nname = "nobody"\nwhen = "pre_bake"\nurl = "{url}"\ntimeout = 1\n',
    )
    stack.repository.release("v1")
    error = await stack.fails(await stack.start("v1"))

    assert "the hook nobody cannot be reached at http://127.0.0.1:9/" in error.message
    assert stack.groups() == {}
