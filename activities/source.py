"""Tags and commits of the application's repository."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from temporalio import activity

from activities.aws import Aws, translated
from activities.credentials import fetch_credential
from activities.git import TIMEOUT, Access, git, pipe_with
from domain.bounded import LONGEST_NAME
from domain.errors import SourceUnreadable, TransientError, UnknownTag
from domain.models import Model
from domain.sections import Application, Credential

# Seconds, for a whole history without its files.
FETCH_TIMEOUT = 100
COMMITS_SHOWN = 500
# credential.py's exit code where another try may succeed.
TRY_AGAIN = 75


class ResolveTag(Model):
    """`credential` is read in `region`. None means the worker's own git credentials."""

    repository: str
    tag: str
    region: str = ""
    credential: Credential | None = None


class ListCommits(Model):
    """The commits between two commits, which are reached by their tags."""

    repository: str
    was: str
    now: str
    was_commit: str
    now_commit: str
    region: str = ""
    credential: Credential | None = None


class Source:
    def __init__(self, aws: Aws, tools: Path) -> None:
        """`tools` are the recipe's: worker and builder read credentials with the same program."""
        self._aws, self._tools = aws, tools

    @activity.defn(no_thread_cancel_exception=True)
    def resolve_tag(self, request: ResolveTag) -> str:
        """
        The tag's commit, 40 hexadecimal digits. Of an annotated tag it is the commit it points to.

        Raises UnknownTag, SourceUnreadable, or TransientError.
        """
        ref = f"refs/tags/{request.tag}"
        with self._access(request.region, request.credential) as access:
            listed = git(
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
                f"{request.repository} has no tag {request.tag!r}; "
                f"push it with git push origin {request.tag}"
            )
        return commit

    @activity.defn(no_thread_cancel_exception=True)
    def list_commits(self, request: ListCommits) -> list[str]:
        """
        The abbreviated hashes and subjects of the commits of `now` that `was` lacks, newest first.

        Commits of `was` that `now` lacks begin with "-".
        """
        lent = self._access(request.region, request.credential)
        with tempfile.TemporaryDirectory(prefix="ovenbird-git-") as directory, lent as access:
            here = ("-C", directory)
            git(Access(), "init", "--quiet", "--bare", directory, repository=request.repository)
            tags = [f"refs/tags/{tag}:refs/tags/{tag}" for tag in (request.was, request.now)]
            fetch = (
                "fetch",
                "--quiet",
                "--no-tags",
                "--filter=blob:none",
                "--",
                request.repository,
            )
            git(access, *here, *fetch, *tags, repository=request.repository, timeout=FETCH_TIMEOUT)
            listing = ("log", "--left-right", "--format=%m%h %s", f"--max-count={COMMITS_SHOWN}")
            between = f"{request.was_commit}...{request.now_commit}"
            listed = git(Access(), *here, *listing, between, "--", repository=request.repository)
        return [
            ("- " if line.startswith("<") else "") + line[1:LONGEST_NAME]
            for line in listed.splitlines()
        ]

    def reach(self, application: Application, region: str) -> None:
        """Raises SourceUnreadable or TransientError where the repository cannot be read."""
        with self._access(region, application.credential) as access:
            git(
                access,
                "ls-remote",
                "--",
                application.repository,
                "HEAD",
                repository=application.repository,
            )

    @contextmanager
    def _access(self, region: str, credential: Credential | None) -> Iterator[Access]:
        if credential is None:
            yield Access()
            return
        secret = translated(fetch_credential)(self._aws, region, credential)
        if "PRIVATE KEY-----" in secret and not secret.lstrip().startswith("{"):
            options = "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new"
            agent = ("ssh-agent", "sh", "-c", 'ssh-add -q - && exec git "$@"', "git")
            yield Access(
                command=agent, environment={"GIT_SSH_COMMAND": options}, stdin=secret.strip() + "\n"
            )
            return
        with (
            tempfile.TemporaryDirectory(prefix="ovenbird-git-") as directory,
            pipe_with(self._token(secret.strip())) as pipe,
        ):
            askpass = Path(directory) / "askpass"
            askpass.write_text(
                '#!/bin/sh\ncase "$1" in Username*) echo x-access-token;; '
                f"*) cat /dev/fd/{pipe};; esac\n"
            )
            askpass.chmod(0o700)
            # No credential helper may store the token.
            yield Access(
                ("git", "-c", "credential.helper="),
                environment={"GIT_ASKPASS": str(askpass)},
                pipes=(pipe,),
            )

    def _token(self, secret: str) -> str:
        """The secret itself, or the token that GitHub issues for an App's key."""
        if not secret.startswith("{"):
            return secret
        command = [sys.executable, str(self._tools / "credential.py"), "token"]
        try:
            done = subprocess.run(
                command,
                input=secret,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT,
                check=False,
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
