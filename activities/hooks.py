"""Calls a stack's hooks: a signed HTTP call, or a command on an instance of green."""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from http.client import HTTPException, IncompleteRead
from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, translated
from activities.credentials import fetch_credential
from domain.config import Hook
from domain.errors import HookRefused, NotReady, OvenbirdError
from domain.models import Model

# Seconds for one try. The hook's own timeout bounds all tries together.
TRY = 10.0
SHOWN = 300
# Of a hook that is down and that nothing waits for.
BRIEF_TRIES = 3
ACCEPTED, TOO_EARLY, TOO_MANY = 202, 425, 429
_WAITING = ("Pending", "InProgress", "Delayed", "Cancelling")


class RunHook(Model):
    """
    `delivery` is the same for all tries of one hook, so that the callee can detect repetitions.

    `about` is added to the body of the call. `brief`: a hook that is down is not waited for.
    """

    region: str
    hook: Hook
    delivery: str
    about: dict[str, str]
    instance: str = ""
    brief: bool = False


class Hooks:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def run_hook(self, request: RunHook) -> str:
        """
        The hook's answer. Raises HookRefused where it refuses.

        Raises NotReady while it has not decided or cannot be reached. Temporal's retry policy polls
        it until the hook's timeout; a `brief` one that is down is refused after a few tries.
        """
        return self._call(request) if request.hook.url else self._command(request)

    def _call(self, request: RunHook) -> str:
        hook = request.hook
        body = json.dumps(
            {"hook": hook.name, "when": hook.when, "delivery": request.delivery} | request.about,
            sort_keys=True,
        ).encode()
        headers = {"Content-Type": "application/json", "X-Ovenbird-Delivery": request.delivery}
        if hook.secret:
            key = fetch_credential(
                self._aws, request.region, hook.secret, f"the secret of the hook {hook.name}"
            ).encode()
            headers["X-Ovenbird-Signature"] = (
                "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
            )
        assert hook.url
        try:
            # The configuration accepts http and https only.
            with _OPENER.open(
                urllib.request.Request(hook.url, body, headers, method="POST"), timeout=TRY
            ) as answer:
                status, words = answer.status, _words(answer)
        except urllib.error.HTTPError as error:
            status, words = error.code, _words(error)
        # What speaks no HTTP answers with an HTTPException; a host that cannot be is a ValueError.
        except (OSError, HTTPException, ValueError) as error:
            raise _down(
                request, f"the hook {hook.name} cannot be reached at {hook.url}: {error}"
            ) from None
        if status in (ACCEPTED, TOO_EARLY, TOO_MANY):
            raise NotReady(f"the hook {hook.name} answers {status}: {words}")
        if status >= 500:
            raise _down(request, f"the hook {hook.name} answers {status}: {words}")
        if not 200 <= status < 300:
            raise HookRefused(f"the hook {hook.name} says no ({status}): {words}")
        return words

    def _command(self, request: RunHook) -> str:
        """
        Runs on the first instance. The command is found again by its comment.

        https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html
        """
        hook, ssm = request.hook, self._aws.ssm(request.region)
        if not request.instance:
            raise _down(request, f"the hook {hook.name} has no instance to run on")
        instance, comment = request.instance, request.delivery[:100]
        sent = [
            command["CommandId"]
            for page in ssm.get_paginator("list_commands").paginate(InstanceId=instance)
            for command in page["Commands"]
            if command.get("Comment") == comment
        ]
        if not sent:
            self._send(request, instance, comment)
            raise NotReady(f"the hook {hook.name} has begun on {instance}")
        return self._outcome(request, instance, sent[0])

    def _send(self, request: RunHook, instance: str, comment: str) -> None:
        hook = request.hook
        try:
            self._aws.ssm(request.region).send_command(
                InstanceIds=[instance],
                DocumentName="AWS-RunShellScript",
                Comment=comment,
                Parameters={
                    "commands": [str(hook.command)],
                    "executionTimeout": [str(max(1, int(hook.timeout)))],
                },
            )
        except ClientError as error:
            if code(error) != "InvalidInstanceId":
                raise
            raise _down(
                request,
                f"the SSM agent of {instance} does not answer: "
                f"its profile must allow SSM for the hook {hook.name}",
            ) from None

    def _outcome(self, request: RunHook, instance: str, command: str) -> str:
        """What the command printed. Raises NotReady until it ends, HookRefused where it failed."""
        hook, ssm = request.hook, self._aws.ssm(request.region)
        try:
            found = ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        except ClientError as error:
            if code(error) == "InvocationDoesNotExist":
                raise NotReady(f"the hook {hook.name} has not reached {instance} yet") from None
            raise
        if found["Status"] in _WAITING:
            raise NotReady(f"the hook {hook.name} is running on {instance}")
        printed = found.get("StandardOutputContent") or found.get("StandardErrorContent") or ""
        words = printed.strip()[-SHOWN:]
        if found["Status"] != "Success":
            raise HookRefused(
                f"the hook {hook.name} says no on {instance} "
                f"({found['Status']}, exit code {found.get('ResponseCode')}): {words}"
            )
        return words


def _down(request: RunHook, words: str) -> OvenbirdError:
    given_up = request.brief and activity.info().attempt >= BRIEF_TRIES
    return HookRefused(words) if given_up else NotReady(words)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signed request is sent to the configured URL only."""

    def redirect_request(self, *words: Any) -> None:  # noqa: ARG002 (urllib's own signature)
        return None


_OPENER = urllib.request.build_opener(_NoRedirect())


def _words(answer: Any) -> str:
    """Those that came, where the answer breaks off: its status is the decision."""
    try:
        said: bytes = answer.read(SHOWN)
    except IncompleteRead as error:
        said = error.partial
    except (OSError, HTTPException):
        said = b""
    return said.decode(errors="replace").strip()[:SHOWN]
