"""SSM Run Command runs the script on the instance's disk, with its own output and exit code."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from localcloud import pages
from localcloud.machines import Machine, end_group
from localcloud.patches import Original, adds, corrects
from localcloud.region import Region, find_instance
from localcloud.settings import ACCOUNT
from localcloud.upstream import ActionResult, SSMException, backend

# What GetCommandInvocation returns of each stream; S3 gets all of it where the call names a bucket.
INLINE_LIMIT = 24_000
LOOK = 0.02


class Commands:
    def __init__(self, region: Region) -> None:
        self._region = region

    @corrects(
        "moto.ssm.models:SimpleSystemManagerBackend.send_command",
        "AWS-RunShellScript runs on the named instances alone, in time.",
        pages.ssm("SendCommand"),
    )
    def send(self, original: Original, ssm: Any, **call: Any) -> Any:
        if call["document_name"] != "AWS-RunShellScript":
            raise NotImplementedError(f"SendCommand with the document {call['document_name']}")
        if call["targets"]:
            raise NotImplementedError("SendCommand with Targets: name the instances")
        for instance_id in call["instance_ids"]:
            if not self._is_online(instance_id):
                raise SSMException(
                    "InvalidInstanceId",
                    f"Instances [[{instance_id}]] not in a valid state for account {ACCOUNT}",
                )
        # moto adds every instance of the account to the command, and to the caller's own list.
        asked = list(dict.fromkeys(call["instance_ids"]))
        command = original(ssm, **call)
        command.instance_ids = asked
        command.invocations = [one for one in command.invocations if one["InstanceId"] in asked]
        command.status = command.status_details = "InProgress"
        for invocation in command.invocations:
            invocation.update(Status="InProgress", StatusDetails="InProgress", ResponseCode=-1)
            run = _Run(self._region, command, invocation)
            threading.Thread(target=run.follow, daemon=True).start()
        return command

    @adds(
        "moto.ssm.responses:SimpleSystemManagerResponse.describe_instance_information",
        "An instance whose machine runs has an agent that is online.",
        pages.ssm("DescribeInstanceInformation"),
    )
    def describe_agents(self, response: Any) -> ActionResult:
        filters = {one["Key"]: one["Values"] for one in response._get_param("Filters", [])}
        asked = filters.get("InstanceIds") or list(self._region.machines)
        online = [
            {"InstanceId": instance_id, "PingStatus": "Online", "PlatformType": "Linux"}
            for instance_id in asked
            if self._is_online(instance_id)
        ]
        return ActionResult({"InstanceInformationList": online})

    def _is_online(self, instance_id: str) -> bool:
        instance = find_instance(instance_id)
        return (
            instance is not None
            and instance.state == "running"
            and self._region.machines[instance_id].running
        )


class _Run:
    """One command on one instance, from its start until its output is kept."""

    def __init__(self, region: Region, command: Any, invocation: dict[str, Any]) -> None:
        self._region, self._command, self._invocation = region, command, invocation
        self._machine = region.machines[invocation["InstanceId"]]
        self._directory = self._machine.root / "run/commands" / command.command_id

    def follow(self) -> None:
        self._directory.mkdir(parents=True)
        script = self._directory / "script.sh"
        parameters = self._command.parameters
        script.write_text("\n".join(parameters["commands"]) + "\n")
        stdout, stderr = self._directory / "stdout", self._directory / "stderr"
        process = self._machine.run(script, stdout, stderr)
        self._region.lease.note_process_group(process.pid)
        limit = int((parameters.get("executionTimeout") or ["3600"])[0])
        status = _until_it_ends(process, self._machine, limit)
        self._finish(status, process.returncode, _contents(stdout, stderr))

    def _finish(self, status: str, code: int, streams: dict[str, bytes]) -> None:
        with self._region.lock:
            if self._command.output_s3_bucket_name:
                self._upload(streams)
            self._invocation.update(
                Status=status,
                StatusDetails=status,
                ResponseCode=code,
                StandardOutputContent=_inline(streams["stdout"]),
                StandardErrorContent=_inline(streams["stderr"]),
            )
            self._command.status = self._command.status_details = status

    def _upload(self, streams: dict[str, bytes]) -> None:
        command = self._command
        parts = (
            command.output_s3_key_prefix.strip("/"),
            command.command_id,
            self._invocation["InstanceId"],
            "awsrunShellScript/0.awsrunShellScript",
        )
        prefix = "/".join(part for part in parts if part)
        for name, content in streams.items():
            backend("s3", "aws").put_object(
                command.output_s3_bucket_name, f"{prefix}/{name}", content
            )


def _until_it_ends(process: subprocess.Popen[bytes], machine: Machine, limit: int) -> str:
    """Its status, in AWS's words; it is ended with the machine, or when its time is over."""
    deadline = time.monotonic() + limit
    while process.poll() is None:
        if not machine.running or time.monotonic() > deadline:
            status = "Undeliverable" if not machine.running else "TimedOut"
            end_group(process)
            return status
        threading.Event().wait(LOOK)
    return "Success" if process.returncode == 0 else "Failed"


def _contents(*paths: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() if path.exists() else b"" for path in paths}


def _inline(stream: bytes) -> str:
    return stream.decode(errors="replace")[:INLINE_LIMIT]
