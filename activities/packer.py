"""Packer as a builder: one run of the real program, read line by line."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from asyncio.subprocess import Process
from pathlib import Path

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from activities.attempts import in_thread
from activities.aws import Aws, translated
from activities.builders import BuilderRef, Builders, OfRelease
from activities.heartbeat import progress
from activities.named_images import NamedImages
from activities.packer_files import Directory, PackerBuild, hash_with_template
from activities.recipe import Recipe
from activities.ssh_access import address_towards, admit, public_address
from domain.errors import BakeFailed, InvalidRequest, OvenbirdError, TransientError
from domain.packer import Build, Stage, ended, parse

SIGNAL = "packer_is_at"
LINE_LIMIT = 64 * 1024 * 1024
# Characters of a line that Temporal shows while Packer runs.
SHOWN = 200
MISSING = (
    "the worker has no packer on its PATH: install Packer (1.8.1 or newer for Amazon Linux 2023 "
    "and Ubuntu 22.04; from 1.10 on with the plugin github.com/hashicorp/amazon)"
)
OTHER_TEMPLATE = (
    "the recipe or the template changed while it was used: the bake began with {was}, "
    "this worker has {mine}; release again"
)


class Packer:
    def __init__(self, aws: Aws, client: Client, recipe: Recipe) -> None:
        self._aws, self._client, self._recipe = aws, client, recipe
        self._builders, self._named = Builders(aws), NamedImages(aws)

    @activity.defn(no_thread_cancel_exception=True)
    def validate_template(self, request: PackerBuild) -> None:
        """
        Raises InvalidRequest where there is no packer, or where it refuses the template.

        It calls no AWS API.
        """
        with Directory(self._recipe, request) as directory:
            try:
                done = subprocess.run(
                    directory.command("validate"),
                    cwd=directory.path,
                    env=directory.environment(),
                    capture_output=True,
                    encoding="utf-8",
                    errors="replace",
                    timeout=60,
                    check=False,
                )
            except FileNotFoundError:
                raise InvalidRequest(MISSING) from None
            except subprocess.TimeoutExpired:
                raise TransientError("packer validate did not end within 60 s") from None
        if done.returncode:
            raise InvalidRequest(
                f"packer validate refuses {directory.template}: "
                f"{' '.join((done.stdout + done.stderr).split())}"
            )

    @activity.defn
    async def run_packer(self, request: PackerBuild) -> str:
        """
        The id of the image that Packer made. The workflow is told of each stage.

        Raises BakeFailed with Packer's own error lines, NoCapacity, NotReady while the instance of
        a killed run still shuts down, and TransientError where Packer was killed or another try may
        succeed. A cancellation kills Packer; its resources are found by tag and by name.
        """
        if image := await in_thread(self._take_over, request, first=activity.info().attempt == 1):
            return image
        mine = hash_with_template(self._recipe, request.made_of, request.settings)
        if mine != request.recipe:
            raise BakeFailed(OTHER_TEMPLATE.format(was=request.recipe, mine=mine))
        await in_thread(self._admit_this_server, request)
        with Directory(self._recipe, request) as directory:
            build, code = await self._watch(directory, request)
        image = ended(build, code, request.region, f"s3://{request.bucket}/{request.log}")
        await in_thread(self._tag, request, image)
        return image

    async def _watch(self, directory: Directory, request: PackerBuild) -> tuple[Build, int]:
        """What Packer's output says, and its exit code. Its log is stored at each new stage."""
        running = await _started(directory)
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
                    # Before the image exists: a later run that adopts it finds its manifest.
                    await in_thread(
                        self._keep, request, request.manifest, directory.manifest.read_bytes()
                    )
                    directory.manifest.unlink()
            return build, await running.wait()
        except ValueError:
            raise BakeFailed(f"Packer printed a line of more than {LINE_LIMIT} bytes") from None
        finally:
            running.stdin.close()
            await running.wait()
            await self._keep_log(request, bytes(log))

    async def _tell(self, stage: Stage) -> None:
        """A stage that the workflow learns late does no harm: the build goes on."""
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
        The image of an earlier run that was killed, if it made one: it is complete.

        Else the resources of that run are removed. Raises NotReady until they are gone.
        """
        image = self._named.take_over(
            request.region, request.image_name, release=request.release, tags=request.tags
        )
        if image:
            return image
        if not first:
            self._builders.destroy_builders(
                OfRelease(region=request.region, release=request.release)
            )
            self._builders.delete_key_pair(BuilderRef(region=request.region, id=request.key_pair))
        return None

    @translated
    def _admit_this_server(self, request: PackerBuild) -> None:
        """Only this server, by its present address: an earlier worker had another one."""
        if request.settings.admit:
            addresses = {request.settings.admit}
        elif request.settings.reach == "public":
            addresses = {public_address()}
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
            addresses = {address for block in blocks if (address := address_towards(block))}
        if not addresses:
            raise BakeFailed(
                f"this server has no way to the subnet {request.subnet}: set bake.packer.reach, "
                "or run the worker inside the VPC"
            )
        admit(self._aws, request.region, request.security_group, addresses)

    @translated
    def _tag(self, request: PackerBuild, image: str) -> None:
        """A team's own template may set no tags; the image is found by them."""
        self._named.tag_image(request.region, image, request.tags)

    async def _keep_log(self, request: PackerBuild, log: bytes) -> None:
        """An error here must not hide the error of the build."""
        try:
            await in_thread(self._keep, request, request.log, log)
        except OvenbirdError as error:
            activity.logger.warning("could not keep Packer's log: %s", error)

    @translated
    def _keep(self, request: PackerBuild, key: str, content: bytes) -> None:
        self._aws.s3(request.region).put_object(Bucket=request.bucket, Key=key, Body=content)


async def _started(directory: Directory) -> Process:
    """Packer under leash.py, which kills it when this worker ends."""
    packer = shutil.which("packer")
    if packer is None:
        raise BakeFailed(MISSING)
    return await asyncio.create_subprocess_exec(
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
