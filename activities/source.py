"""Tags of the application's repository."""

from __future__ import annotations

import os
import subprocess

from temporalio import activity

from domain.errors import Hiccup, SourceUnreadable, UnknownTag
from domain.models import Model

TIMEOUT = 30
_HOPELESS = ("not found", "does not exist", "does not appear to be a git repository", "Authentication failed",
             "could not read Username", "Permission denied", "access denied", "Repository not found")  # fmt: skip


class ResolveTag(Model):
    repository: str
    tag: str


class Source:
    @activity.defn(no_thread_cancel_exception=True)
    def resolve_tag(self, request: ResolveTag) -> str:
        """
        The commit that the tag means now, 40 hexadecimal digits; of an annotated tag the commit it points at.

        Raises UnknownTag, SourceUnreadable, or Hiccup where another try may help.
        """
        ref = f"refs/tags/{request.tag}"
        listed = _git("ls-remote", "--", request.repository, ref, ref + "^{}", repository=request.repository)
        lines = {ref: commit for commit, _, ref in (line.partition("\t") for line in listed.splitlines())}
        commit = lines.get(ref + "^{}") or lines.get(ref)
        if commit is None:
            raise UnknownTag(f"{request.repository} has no tag {request.tag!r}; push it with git push origin {request.tag}")
        return commit


def _git(*arguments: str, repository: str) -> str:
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=TIMEOUT, check=False, env=environment)
    except subprocess.TimeoutExpired:
        raise Hiccup(f"{repository} did not answer within {TIMEOUT} s") from None
    except FileNotFoundError:
        raise SourceUnreadable("the worker has no git on its PATH") from None
    if done.returncode == 0:
        return done.stdout
    words = " ".join(done.stderr.split())
    if any(hopeless in words for hopeless in _HOPELESS):
        raise SourceUnreadable(f"cannot read {repository}: {words}; check the address and the worker's read credential")
    raise Hiccup(f"cannot read {repository}: {words}")
