"""Runs the recipe on the builder: over SSM, its files and its log through S3."""

from __future__ import annotations

import shlex

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, translated
from activities.packer_files import hash_with_template
from activities.recipe import Recipe, RecipeOf
from domain.config import Stack
from domain.errors import BakeFailed, NotReady
from domain.images import BakeIdentity
from domain.models import Model

# Seconds. A presigned address ends earlier where the credentials that signed it do.
ADDRESS_LIFETIME = 6 * 3_600
TAIL_BYTES, TAIL_LINES = 8_000, 15
_WAITING = ("Pending", "InProgress", "Delayed", "Cancelling")
_DOWNLOAD = (
    "import io, sys, tarfile, urllib.request as u; "
    "bundle = io.BytesIO(u.urlopen(sys.argv[1], timeout=60).read()); "
    "tarfile.open(fileobj=bundle).extractall(sys.argv[2])"
)


class Identify(Model):
    """`base_image` is an id."""

    stack: Stack
    tag: str
    commit: str
    base_image: str


class StartProvisioner(Model):
    """
    The command is found again by its `token`. `variables` are the environment of the scripts.

    `made_of` goes into the recipe's hash. `recipe` is the hash that the image will carry; it is
    empty where this provisioner makes no image. `log` and `manifest` are keys in `bucket`;
    `manifest` is empty where this provisioner stores none. `timeout` is in seconds.
    """

    region: str
    instance: str
    provisioner: str
    token: str
    bucket: str
    log: str
    variables: dict[str, str]
    timeout: float
    recipe: str
    made_of: RecipeOf
    manifest: str = ""


class CommandRef(Model):
    region: str
    instance: str
    id: str
    provisioner: str
    bucket: str
    log: str


class Provisioning:
    def __init__(self, aws: Aws, recipe: Recipe) -> None:
        self._aws = aws
        self._recipe = recipe
        self._accounts: dict[str, str] = {}

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def identify_bake(self, request: Identify) -> BakeIdentity:
        """Everything that determines the image. A worker asks AWS for its account once."""
        stack = request.stack
        if stack.region not in self._accounts:
            self._accounts[stack.region] = self._aws.sts(stack.region).get_caller_identity()[
                "Account"
            ]
        return BakeIdentity(
            application=stack.application.name,
            tag=request.tag,
            commit=request.commit,
            base_image=request.base_image,
            recipe=self._hash(stack),
            builder=stack.bake.builder,
            architecture=stack.bake.architecture,
            account=self._accounts[stack.region],
            region=stack.region,
            stack=stack.name,
            verified=stack.verifies,
        )

    def _hash(self, stack: Stack) -> str:
        if stack.bake.builder == "packer":
            return hash_with_template(self._recipe, made_of(stack), stack.bake.packer)
        return self._recipe.hash(made_of(stack))

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def start_provisioner(self, request: StartProvisioner) -> str:
        """
        The command's id. SendCommand has no client token: the command is looked up by its comment.

        https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html
        """
        ssm = self._aws.ssm(request.region)
        for page in ssm.get_paginator("list_commands").paginate(InstanceId=request.instance):
            for command in page["Commands"]:
                if command.get("Comment") == request.token:
                    return command["CommandId"]
        commands = self._commands(request)
        try:
            sent = ssm.send_command(
                InstanceIds=[request.instance],
                DocumentName="AWS-RunShellScript",
                Comment=request.token,
                Parameters={
                    "commands": commands,
                    "executionTimeout": [str(int(request.timeout))],
                },
                OutputS3BucketName=request.bucket,
                OutputS3KeyPrefix=request.log.rpartition("/")[0],
            )
        except ClientError as error:
            if code(error) == "InvalidInstanceId":
                raise NotReady(f"the SSM agent of {request.instance} does not answer yet") from None
            raise
        return sent["Command"]["CommandId"]

    def _commands(self, request: StartProvisioner) -> list[str]:
        """
        Stores the bundle, and returns the shell commands that run it.

        The commands hold presigned addresses, so they are made here and not in the workflow: they
        must not enter its history.
        """
        mine = self._recipe.hash(request.made_of)
        if request.recipe and mine != request.recipe:
            raise BakeFailed(
                f"the recipe changed while it was used: it was {request.recipe}, "
                f"this worker has {mine}; release again"
            )
        bundle = f"recipes/{mine}.tar.gz"
        self._aws.s3(request.region).put_object(
            Bucket=request.bucket, Key=bundle, Body=self._recipe.bundle(request.made_of)
        )
        source = self._address(request, "get_object", bundle)
        log = self._address(request, "put_object", request.log)
        manifest = self._address(request, "put_object", request.manifest)
        return _script(request, source, log, manifest)

    def _address(self, request: StartProvisioner, method: str, key: str) -> str:
        """A presigned address; empty for an empty key."""
        if not key:
            return ""
        return self._aws.s3(request.region).generate_presigned_url(
            method,
            Params={"Bucket": request.bucket, "Key": key},
            ExpiresIn=ADDRESS_LIFETIME,
        )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def provisioner_finished(self, request: CommandRef) -> None:
        """
        Returns once the command has succeeded.

        Raises NotReady until it ends, BakeFailed with its last lines.
        """
        try:
            found = self._aws.ssm(request.region).get_command_invocation(
                CommandId=request.id, InstanceId=request.instance
            )
        except ClientError as error:
            if code(error) == "InvocationDoesNotExist":
                raise NotReady("the command has not reached the builder yet") from None
            raise
        if found["Status"] in _WAITING:
            raise NotReady(f"the {request.provisioner} scripts are running")
        if found["Status"] == "Success":
            return
        tail = (
            self._tail(request)
            or found.get("StandardErrorContent")
            or found.get("StandardOutputContent")
            or ""
        )
        lines = "\n".join(f"  {line}" for line in tail.splitlines()[-TAIL_LINES:])
        raise BakeFailed(
            f"the {request.provisioner} scripts ended as {found['Status']} "
            f"(exit code {found.get('ResponseCode')}) on {request.instance}; the whole log is "
            f"s3://{request.bucket}/{request.log}; its last lines:\n{lines}"
        )

    def _tail(self, request: CommandRef) -> str:
        """The end of the log. SSM itself returns only the beginning of a long output."""
        try:
            found = self._aws.s3(request.region).get_object(Bucket=request.bucket, Key=request.log)
        except ClientError as error:
            # Without s3:ListBucket, S3 answers AccessDenied for a missing object.
            if code(error) in ("NoSuchKey", "404", "AccessDenied"):
                return ""
            raise
        return found["Body"].read()[-TAIL_BYTES:].decode(errors="replace")


def made_of(stack: Stack) -> RecipeOf:
    """What determines the image beside the recipe's own files and Packer's template."""
    bake, packer = stack.bake, stack.bake.packer
    also = (
        (packer.user, *(f"{name}={value}" for name, value in sorted(packer.variables.items())))
        if bake.builder == "packer"
        else ()
    )
    return RecipeOf(
        application=stack.application.name,
        values=bake.values,
        also=(bake.builder, bake.architecture, *also),
    )


def _script(request: StartProvisioner, source: str, log: str, manifest: str) -> list[str]:
    exports = [
        f"export {name}={shlex.quote(value)}" for name, value in sorted(request.variables.items())
    ]
    return [
        "set -eu",
        'export DESTDIR="${DESTDIR:-}"',
        *exports,
        'work="$DESTDIR/var/lib/ovenbird/recipe"',
        'mkdir -p "$work"',
        f'python3 -c {shlex.quote(_DOWNLOAD)} {shlex.quote(source)} "$work"',
        f'exec python3 "$work/agent.py" {shlex.join([request.provisioner, log, manifest])}',
    ]
