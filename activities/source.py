"""Tags of the application's repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, sentence, translate, translated
from domain.errors import SourceUnreadable, TransientError, UnknownTag
from domain.models import Model
from domain.sections import Application, Credential

TIMEOUT = 30
# All of a history, though without its files.
FETCH_TIMEOUT = 100
COMMITS_SHOWN = 500
# What credential.py ends with where it may work later.
TRY_AGAIN = 75
_HOPELESS = (
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


class ResolveTag(Model):
    """`credential` is read in `region`; the worker's own git credentials count where there is none."""

    repository: str
    tag: str
    region: str = ""
    credential: Credential | None = None


class ListCommits(Model):
    """Between two commits; the tags are how they are reached."""

    repository: str
    was: str
    now: str
    was_commit: str
    now_commit: str
    region: str = ""
    credential: Credential | None = None


class Source:
    def __init__(self, aws: Aws, tools: Path) -> None:
        """`tools` are those of the recipe: one program knows what a credential may be, here and on a builder."""
        self._aws, self._tools = aws, tools

    @activity.defn(no_thread_cancel_exception=True)
    def resolve_tag(self, request: ResolveTag) -> str:
        """
        The commit that the tag means now, 40 hexadecimal digits; of an annotated tag the commit it points at.

        Raises UnknownTag, SourceUnreadable, or TransientError where another try may help.
        """
        ref = f"refs/tags/{request.tag}"
        with self._access(request.region, request.credential) as access:
            listed = _git(
                access,
                "ls-remote",
                "--",
                request.repository,
                ref,
                ref + "^{}",
                repository=request.repository,
            )
        lines = {
            ref: commit for commit, _, ref in (line.partition("\t") for line in listed.splitlines())
        }
        commit = lines.get(ref + "^{}") or lines.get(ref)
        if commit is None:
            raise UnknownTag(
                f"{request.repository} has no tag {request.tag!r}; push it with git push origin {request.tag}"
            )
        return commit

    @activity.defn(no_thread_cancel_exception=True)
    def list_commits(self, request: ListCommits) -> list[str]:
        """Of `now` and not of `was`, newest first: abbreviated hash and subject; those the other way round begin with "-"."""
        lent = self._access(request.region, request.credential)
        with tempfile.TemporaryDirectory(prefix="ovenbird-git-") as directory, lent as access:
            here = ("-C", directory)
            _git(_Access(), "init", "--quiet", "--bare", directory, repository=request.repository)
            tags = [f"refs/tags/{tag}:refs/tags/{tag}" for tag in (request.was, request.now)]
            fetch = (
                "fetch",
                "--quiet",
                "--no-tags",
                "--filter=blob:none",
                "--",
                request.repository,
            )
            _git(access, *here, *fetch, *tags, repository=request.repository, timeout=FETCH_TIMEOUT)
            listing = ("log", "--left-right", "--format=%m%h %s", f"--max-count={COMMITS_SHOWN}")
            between = f"{request.was_commit}...{request.now_commit}"
            listed = _git(_Access(), *here, *listing, between, "--", repository=request.repository)
        return [("- " if line.startswith("<") else "") + line[1:] for line in listed.splitlines()]

    def reach(self, application: Application, region: str) -> None:
        """Raises as `resolve_tag` does where the repository cannot be read at all."""
        with self._access(region, application.credential) as access:
            _git(
                access,
                "ls-remote",
                "--",
                application.repository,
                "HEAD",
                repository=application.repository,
            )

    @contextmanager
    def _access(self, region: str, credential: Credential | None) -> Iterator[_Access]:
        if credential is None:
            yield _Access()
            return
        secret = translated(fetch_credential)(self._aws, region, credential)
        if "PRIVATE KEY-----" in secret and not secret.lstrip().startswith("{"):
            options = "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new"
            agent = ("ssh-agent", "sh", "-c", 'ssh-add -q - && exec git "$@"', "git")
            yield _Access(
                command=agent, environment={"GIT_SSH_COMMAND": options}, stdin=secret.strip() + "\n"
            )
            return
        with (
            tempfile.TemporaryDirectory(prefix="ovenbird-git-") as directory,
            _pipe_with(self._token(secret.strip())) as pipe,
        ):
            askpass = Path(directory) / "askpass"
            askpass.write_text(
                f'#!/bin/sh\ncase "$1" in Username*) echo x-access-token;; *) cat /dev/fd/{pipe};; esac\n'
            )
            askpass.chmod(0o700)
            # No helper may keep what is only lent.
            yield _Access(
                ("git", "-c", "credential.helper="),
                environment={"GIT_ASKPASS": str(askpass)},
                pipes=(pipe,),
            )

    def _token(self, secret: str) -> str:
        """As it stands, or what GitHub gives an App for its key."""
        if not secret.startswith("{"):
            return secret
        command = [sys.executable, str(self._tools / "credential.py"), "token"]
        try:
            done = subprocess.run(
                command, input=secret, capture_output=True, text=True, timeout=TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise TransientError(f"GitHub gives no token within {TIMEOUT} s") from None
        if done.returncode == TRY_AGAIN:
            raise TransientError(f"GitHub gives no token now: {done.stderr.strip()}")
        if done.returncode:
            raise SourceUnreadable(
                f"GitHub gives no token for the App in the credential: {done.stderr.strip()}"
            )
        return done.stdout.strip()


def fetch_credential(
    aws: Aws, region: str, credential: Credential, what: str = "application.credential"
) -> str:
    """What lies there. Raises SourceUnreadable, with the words of AWS, where the worker may not read it."""
    try:
        if credential.parameter:
            return aws.ssm(region).get_parameter(Name=credential.parameter, WithDecryption=True)[
                "Parameter"
            ]["Value"]
        assert credential.secret
        return aws.secretsmanager(region).get_secret_value(SecretId=credential.secret)[
            "SecretString"
        ]
    except KeyError:
        raise SourceUnreadable(
            f"the secret {credential.secret} in {region} is binary: put the key or token there as a string"
        ) from None
    except ClientError as error:
        if isinstance(translate(error), TransientError):
            raise
        where = json.dumps(credential.model_dump(exclude_none=True))
        raise SourceUnreadable(
            f"the worker cannot read {what} {where} in {region}: {sentence(error)}"
        ) from None


@dataclass(frozen=True)
class _Access:
    """How git is called so that it may read the repository: a secret comes by standard input or by a pipe, never in an argument."""

    command: tuple[str, ...] = ("git",)
    environment: dict[str, str] = field(default_factory=dict)
    stdin: str | None = None
    pipes: tuple[int, ...] = ()


@contextmanager
def _pipe_with(text: str) -> Iterator[int]:
    """The reading end of a pipe that holds it: far less than what a pipe holds without a reader."""
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "w") as pipe:
            pipe.write(text + "\n")
        yield reading
    finally:
        os.close(reading)


def _git(access: _Access, *arguments: str, repository: str, timeout: float = TIMEOUT) -> str:
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"} | access.environment
    given: dict[str, Any] = (
        {"stdin": subprocess.DEVNULL} if access.stdin is None else {"input": access.stdin}
    )
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [*access.command, *arguments],
            capture_output=True,
            text=True,
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
    if done.returncode == 0:
        return done.stdout
    words = " ".join(done.stderr.split())
    if any(hopeless in words for hopeless in _HOPELESS):
        raise SourceUnreadable(
            f"cannot read {repository}: {words}; check the address and the worker's read credential"
        )
    raise TransientError(f"cannot read {repository}: {words}")
