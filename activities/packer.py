"""Packer as a builder: one run of the real program, watched line by line; whatever a dead one left is cleared first."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any, Self

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from activities.aws import Aws, translated
from activities.builders import BuilderRef, Builders, OfRelease
from activities.heartbeat import progress
from activities.images import EnsureImage, Images
from activities.recipe import Recipe, RecipeOf
from domain.errors import BakeFailed, InvalidRequest, OvenbirdError, TransientError
from domain.models import Model
from domain.packer import Build, Stage, ended, parse, variables
from domain.sections import PackerSettings

SIGNAL = "packer_is_at"
ADDRESS_SERVICE = "https://checkip.amazonaws.com"
LINE_LIMIT = 64 * 1024 * 1024
# Of a line, in what Temporal shows while it runs.
SHOWN = 200
# Neither news from the vendor nor colours.
QUIET = {"CHECKPOINT_DISABLE": "1", "PACKER_NO_COLOR": "1"}
MISSING = "the worker has no packer on its PATH: install Packer (1.8.1 or newer for Amazon Linux 2023 and Ubuntu 22.04; from 1.10 on with the plugin github.com/hashicorp/amazon)"
OTHER_TEMPLATE = "the recipe or the template changed while it was used: the bake began with {was}, this worker has {mine}; release again"


class PackerBuild(Model):
    """
    All that one run of Packer is told, and where it tells what it did.

    The scalars are the template's variables, under these names; `tags` is a map for a template in HCL. `poll` and `timeout` are seconds
    between looks at the image, and of all of them.
    """

    region: str
    vpc: str
    subnet: str
    security_group: str
    source_ami: str
    instance_type: str
    profile: str
    key_pair: str
    image_name: str
    release: str
    tag: str
    commit: str
    application: str
    repository: str
    credential: str
    dead_man_minutes: int
    tags: dict[str, str]
    settings: PackerSettings
    bucket: str
    log: str
    recipe: str
    made_of: RecipeOf
    manifest: str
    poll: float
    timeout: float


class Packer:
    def __init__(self, aws: Aws, client: Client, recipe: Recipe) -> None:
        self._aws, self._client, self._recipe = aws, client, recipe
        self._builders, self._images = Builders(aws), Images(aws)

    @activity.defn(no_thread_cancel_exception=True)
    def validate_template(self, request: PackerBuild) -> None:
        """Raises InvalidRequest: there is no packer, or it does not like the template, in its own words. Asks AWS nothing."""
        with _Directory(self._recipe, request) as directory:
            try:
                done = subprocess.run(
                    directory.command("validate"),
                    cwd=directory.path,
                    env=directory.environment(),
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
            except FileNotFoundError:
                raise InvalidRequest(MISSING) from None
            except subprocess.TimeoutExpired:
                raise TransientError("packer validate did not end within 60 s") from None
        if done.returncode:
            raise InvalidRequest(
                f"packer validate refuses {directory.template}: {' '.join((done.stdout + done.stderr).split())}"
            )

    @activity.defn
    async def run_packer(self, request: PackerBuild) -> str:
        """
        The id of the image that it made. Each sentence that it reaches is told to the workflow.

        Raises BakeFailed with Packer's own error lines, NoCapacity, NotReady while a dead run's instance still ends, and TransientError
        where Packer was killed or met what passes. Cancelled, it kills Packer at once: what that made is found by tag and name.
        """
        if image := await asyncio.to_thread(
            self._take_over, request, first=activity.info().attempt == 1
        ):
            return image
        mine = hash_with_template(self._recipe, request.made_of, request.settings)
        if mine != request.recipe:
            raise BakeFailed(OTHER_TEMPLATE.format(was=request.recipe, mine=mine))
        await asyncio.to_thread(self._admit_this_server, request)
        with _Directory(self._recipe, request) as directory:
            build, code = await self._watch(directory, request)
        image = ended(build, code, request.region, f"s3://{request.bucket}/{request.log}")
        await asyncio.to_thread(self._tag, request, image)
        return image

    async def _watch(self, directory: _Directory, request: PackerBuild) -> tuple[Build, int]:
        packer = shutil.which("packer")
        if packer is None:
            raise BakeFailed(MISSING)
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("leash.py")),
            packer,
            *directory.command("build")[1:],
            cwd=directory.path,
            env=directory.environment(),
            limit=LINE_LIMIT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert running.stdin
        assert running.stdout
        build, log = Build(), bytearray()
        try:
            async for raw in running.stdout:
                line = parse(raw.decode(errors="replace"))
                log += (line.text.encode() + b"\n" if line.text else b"") if line else raw
                if line is None:
                    continue
                before, build = build.stage, build.with_line(line)
                if line.text:
                    progress(line.text.strip()[:SHOWN])
                if build.stage is not before:
                    await self._tell(build.stage)
                    await self._keep_log(request, bytes(log))
                if build.stage is Stage.IMAGING and directory.manifest.exists():
                    # Before the image is made: whoever takes it over finds its manifest.
                    await asyncio.to_thread(
                        self._keep, request, request.manifest, directory.manifest.read_bytes()
                    )
                    directory.manifest.unlink()
            return build, await running.wait()
        finally:
            running.stdin.close()
            await running.wait()
            await self._keep_log(request, bytes(log))

    async def _tell(self, stage: Stage) -> None:
        """A bullet that is ticked late harms nobody: the build goes on without."""
        me = activity.info()
        assert me.workflow_id
        try:
            await self._client.get_workflow_handle(
                me.workflow_id, run_id=me.workflow_run_id
            ).signal(SIGNAL, int(stage))
        except RPCError as error:
            activity.logger.warning("could not tell how far Packer is: %s", error)

    @translated
    def _take_over(self, request: PackerBuild, *, first: bool) -> str | None:
        """
        From a run that died: its image, where it got so far, since Packer images only what was provisioned whole.

        Else whatever it left goes, so that this run begins from nothing. Raises NotReady until it is gone.
        """
        wanted = EnsureImage(
            region=request.region,
            name=request.image_name,
            instance="",
            release=request.release,
            tags=request.tags,
        )
        if image := self._images.take_over(wanted):
            return image
        if not first:
            self._builders.destroy_builders(
                OfRelease(region=request.region, release=request.release)
            )
            self._builders.delete_key_pair(BuilderRef(region=request.region, id=request.key_pair))
        return None

    @translated
    def _admit_this_server(self, request: PackerBuild) -> None:
        """It alone, by the address that it has now: another worker had another one."""
        if request.settings.admit:
            addresses = {request.settings.admit}
        elif request.settings.reach == "public":
            addresses = {_public_address()}
        else:
            subnet = self._aws.ec2(request.region).describe_subnets(SubnetIds=[request.subnet])[
                "Subnets"
            ][0]
            blocks = [subnet["CidrBlock"]]
            blocks += [
                block["Ipv6CidrBlock"]
                for block in subnet.get("Ipv6CidrBlockAssociationSet", [])
                if block.get("Ipv6CidrBlock")
            ]
            addresses = {address for block in blocks if (address := _address_towards(block))}
        if not addresses:
            raise BakeFailed(
                f"this server has no way to the subnet {request.subnet}: set bake.packer.reach, or run the worker inside the VPC"
            )
        self._builders.admit(request.region, request.security_group, addresses)

    @translated
    def _tag(self, request: PackerBuild, image: str) -> None:
        """A team's own template may not have: without its tags nobody finds the image again."""
        self._images.tag_image(request.region, image, request.tags)

    async def _keep_log(self, request: PackerBuild, log: bytes) -> None:
        """What became of the build is not to be hidden by what becomes of its log."""
        try:
            await asyncio.to_thread(self._keep, request, request.log, log)
        except OvenbirdError as error:
            activity.logger.warning("could not keep Packer's log: %s", error)

    @translated
    def _keep(self, request: PackerBuild, key: str, content: bytes) -> None:
        self._aws.s3(request.region).put_object(Bucket=request.bucket, Key=key, Body=content)


def hash_with_template(recipe: Recipe, made_of: RecipeOf, settings: PackerSettings) -> str:
    """The recipe's hash where Packer is the builder: its template is part of it."""
    return recipe.hash(
        made_of.model_copy(update={"also": (*made_of.also, _digest(recipe, settings))})
    )


def _digest(recipe: Recipe, settings: PackerSettings) -> str:
    path = _template(recipe, settings)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InvalidRequest(
            f"the Packer template {path} cannot be read on this worker: {error.strerror}"
        ) from None


def _template(recipe: Recipe, settings: PackerSettings) -> Path:
    return Path(settings.template) if settings.template else recipe.directory / "ovenbird.pkr.hcl"


class _Directory:
    """Where Packer runs: the recipe's bundle lies there, and goes with it."""

    def __init__(self, recipe: Recipe, request: PackerBuild) -> None:
        self._recipe, self._request = recipe, request
        self.template = _template(recipe, request.settings)

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory(prefix="ovenbird-packer-")
        self.path = Path(self._temporary.name)
        self.manifest = self.path / "manifest.json"
        (self.path / "recipe.tar.gz").write_bytes(self._recipe.bundle(self._request.made_of))
        if self.template.suffix == ".json":
            (self.path / "variables.json").write_text(json.dumps(self._variables()))
        return self

    def __exit__(self, *error: object) -> None:
        self._temporary.cleanup()

    def command(self, verb: str) -> list[str]:
        """A template in JSON takes variables that it does not declare from a file, one in HCL from the environment."""
        given = (
            [f"-var-file={self.path / 'variables.json'}"] if self.template.suffix == ".json" else []
        )
        watched = ["-machine-readable"] if verb == "build" else []
        return ["packer", verb, *watched, *given, str(self.template)]

    def environment(self) -> dict[str, str]:
        request = self._request
        # Packer waits for the image by itself, in whole seconds.
        pause = max(1, math.ceil(request.poll))
        waiting = {
            "AWS_POLL_DELAY_SECONDS": str(pause),
            "AWS_MAX_ATTEMPTS": str(math.ceil(request.timeout / pause)),
        }
        # So that AWS's own records tell whose calls these are, as they do for ours.
        if application := os.environ.get("AWS_SDK_UA_APP_ID"):
            waiting["AWS_EXECUTION_ENV"] = application
        given = {f"PKR_VAR_{name}": value for name, value in self._variables().items()}
        return os.environ | QUIET | waiting | given | {"PKR_VAR_tags": json.dumps(request.tags)}

    def _variables(self) -> dict[str, str]:
        request, settings = self._request, self._request.settings
        known: dict[str, Any] = {
            name: getattr(request, name) for name in type(request).model_fields
        } | {
            "bundle": str(self.path / "recipe.tar.gz"),
            "manifest": str(self.manifest),
            "ssh_user": settings.user,
            "ssh_interface": f"{settings.reach}_ip",
            "endpoint": os.environ.get("AWS_ENDPOINT_URL_EC2")
            or os.environ.get("AWS_ENDPOINT_URL")
            or "",
        }
        return variables(known, more=settings.variables)


def _address_towards(block: str) -> str | None:
    """The address that this server has towards that network: no packet is sent."""
    network = ipaddress.ip_network(block)
    family = socket.AF_INET6 if network.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(network.network_address + 1), 22))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _public_address() -> str:
    try:
        with urllib.request.urlopen(ADDRESS_SERVICE, timeout=10) as reply:
            return str(ipaddress.ip_address(reply.read().decode().strip()))
    except (OSError, ValueError) as error:
        raise TransientError(
            f"{ADDRESS_SERVICE} does not say this server's public address: {error}"
        ) from None
