"""What runs on the builder: the recipe, over SSM, its files and its log through S3."""

from __future__ import annotations

import shlex

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, code, translated
from activities.packer import hash_with_template
from activities.recipe import Recipe, RecipeOf
from domain.config import Stack
from domain.errors import BakeFailed, NotReady
from domain.images import BakeIdentity
from domain.models import Model

# Of a presigned address; it ends earlier where the credentials that signed it do.
ADDRESS_LIFETIME = 6 * 3_600
TAIL_BYTES, TAIL_LINES = 8_000, 15
_WAITING = ("Pending", "InProgress", "Delayed", "Cancelling")
_DOWNLOAD = (
    "import io, sys, tarfile, urllib.request as u; "
    "tarfile.open(fileobj=io.BytesIO(u.urlopen(sys.argv[1], timeout=60).read())).extractall(sys.argv[2])"
)


class Identify(Model):
    """`base_image` is already an id."""

    stack: Stack
    tag: str
    commit: str
    base_image: str


class StartProvisioner(Model):
    """
    `token` finds the command again after a lost reply; `variables` are the environment of the provisioner's scripts.

    `recipe` is the hash that the image will carry, empty where this provisioner makes none, `made_of` what went into it; `manifest` is where the image's manifest is to be kept,
    empty where this provisioner keeps none.
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
        """What the image would be, from everything that decides it. The account is asked for once in a worker's life."""
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
        The command's id. SendCommand has no client token, so the command is looked for by its comment first.

        The addresses are short-lived and are made here: they never enter the workflow's history.
        """
        ssm, s3 = self._aws.ssm(request.region), self._aws.s3(request.region)
        for page in ssm.get_paginator("list_commands").paginate(InstanceId=request.instance):
            for command in page["Commands"]:
                if command.get("Comment") == request.token:
                    return command["CommandId"]
        mine = self._recipe.hash(request.made_of)
        if request.recipe and mine != request.recipe:
            raise BakeFailed(
                f"the recipe changed while it was used: it was {request.recipe}, this worker has {mine}; release again"
            )
        bundle = f"recipes/{mine}.tar.gz"
        s3.put_object(Bucket=request.bucket, Key=bundle, Body=self._recipe.bundle(request.made_of))
        source = s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": request.bucket, "Key": bundle},
            ExpiresIn=ADDRESS_LIFETIME,
        )
        log, manifest = (
            s3.generate_presigned_url(
                "put_object",
                Params={"Bucket": request.bucket, "Key": key},
                ExpiresIn=ADDRESS_LIFETIME,
            )
            if key
            else ""
            for key in (request.log, request.manifest)
        )
        try:
            sent = ssm.send_command(
                InstanceIds=[request.instance],
                DocumentName="AWS-RunShellScript",
                Comment=request.token,
                Parameters={
                    "commands": _script(request, source, log, manifest),
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

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def provisioner_finished(self, request: CommandRef) -> None:
        """Returns once the command has succeeded. Raises NotReady until it ends, BakeFailed with its last lines."""
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
            f"the {request.provisioner} scripts ended as {found['Status']} (exit code {found.get('ResponseCode')}) on {request.instance}; "
            f"the whole log is s3://{request.bucket}/{request.log}; its last lines:\n{lines}"
        )

    def _tail(self, request: CommandRef) -> str:
        """The end of the log: what SSM itself returns is only the beginning of a long output."""
        try:
            found = self._aws.s3(request.region).get_object(Bucket=request.bucket, Key=request.log)
        except ClientError as error:
            # Without s3:ListBucket, S3 says AccessDenied of what is not there.
            if code(error) in ("NoSuchKey", "404", "AccessDenied"):
                return ""
            raise
        return found["Body"].read()[-TAIL_BYTES:].decode(errors="replace")


def made_of(stack: Stack) -> RecipeOf:
    """What decides the outcome beside the recipe's own files; with Packer its template comes to it."""
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
        f'exec python3 "$work/agent.py" {shlex.quote(request.provisioner)} {shlex.quote(log)} {shlex.quote(manifest)}',
    ]
