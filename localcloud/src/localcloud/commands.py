"""SSM Run Command that really runs: the script, in the instance's root, with its real output and exit code."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.s3.models import s3_backends
from moto.ssm.exceptions import SSMException
from moto.ssm.models import SimpleSystemManagerBackend
from moto.ssm.responses import SimpleSystemManagerResponse

from localcloud.machines import end_group
from localcloud.region import Region, correct, find_instance
from localcloud.settings import ACCOUNT

# What GetCommandInvocation returns of each stream; the whole of it goes to S3 where the call names a bucket.
# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html
INLINE_LIMIT = 24_000


def install(region: Region) -> None:
    @correct(SimpleSystemManagerBackend, "send_command")
    def send_command(original: Any, self: Any, **call: Any) -> Any:
        if call["document_name"] != "AWS-RunShellScript":
            raise NotImplementedError(f"SendCommand with the document {call['document_name']}")
        if call["targets"]:
            raise NotImplementedError("SendCommand with Targets: name the instances")
        for instance_id in call["instance_ids"]:
            if not _agent_online(region, instance_id):
                raise SSMException(
                    "InvalidInstanceId",
                    f"Instances [[{instance_id}]] not in a valid state for account {ACCOUNT}",
                )
        # moto adds every instance of the account to the command, and to the caller's own list.
        asked = list(dict.fromkeys(call["instance_ids"]))
        command = original(self, **call)
        command.instance_ids = asked
        command.invocations = [
            i for i in command.invocations if i["InstanceId"] in command.instance_ids
        ]
        command.status = command.status_details = "InProgress"
        for invocation in command.invocations:
            invocation.update(Status="InProgress", StatusDetails="InProgress", ResponseCode=-1)
            threading.Thread(target=_run, args=(region, command, invocation), daemon=True).start()
        return command

    def describe_instance_information(self: Any) -> Any:
        filters = {f["Key"]: f["Values"] for f in self._get_param("Filters", [])}
        wanted = filters.get("InstanceIds") or list(region.machines)
        return ActionResult(
            {
                "InstanceInformationList": [
                    {"InstanceId": i, "PingStatus": "Online", "PlatformType": "Linux"}
                    for i in wanted
                    if _agent_online(region, i)
                ]
            }
        )

    SimpleSystemManagerResponse.describe_instance_information = describe_instance_information


def _agent_online(region: Region, instance_id: str) -> bool:
    instance = find_instance(instance_id)
    return (
        instance is not None
        and instance.state == "running"
        and region.machines[instance_id].running
    )


def _run(region: Region, command: Any, invocation: dict[str, Any]) -> None:
    machine = region.machines[invocation["InstanceId"]]
    directory = machine.root / "run/commands" / command.command_id
    directory.mkdir(parents=True)
    script = directory / "script.sh"
    script.write_text("\n".join(command.parameters["commands"]) + "\n")
    stdout, stderr = directory / "stdout", directory / "stderr"
    process = machine.run(script, stdout, stderr)
    region.lease.note_process_group(process.pid)
    limit = int((command.parameters.get("executionTimeout") or ["3600"])[0])
    deadline = time.monotonic() + limit
    status = ""
    while process.poll() is None:
        if not machine.running:
            status = "Undeliverable"
        elif time.monotonic() > deadline:
            status = "TimedOut"
        if status:
            end_group(process)
            break
        threading.Event().wait(0.02)
    _finish(region, command, invocation, process, status, stdout, stderr)


def _finish(
    region: Region,
    command: Any,
    invocation: dict[str, Any],
    process: subprocess.Popen[bytes],
    status: str,
    stdout: Path,
    stderr: Path,
) -> None:
    status = status or ("Success" if process.returncode == 0 else "Failed")
    streams = {path.name: path.read_bytes() if path.exists() else b"" for path in (stdout, stderr)}
    with region.lock:
        if command.output_s3_bucket_name:
            prefix = "/".join(
                part
                for part in (
                    command.output_s3_key_prefix.strip("/"),
                    command.command_id,
                    invocation["InstanceId"],
                )
                if part
            )
            store = s3_backends[ACCOUNT]["aws"]
            for name, content in streams.items():
                store.put_object(
                    command.output_s3_bucket_name,
                    f"{prefix}/awsrunShellScript/0.awsrunShellScript/{name}",
                    content,
                )
        invocation.update(
            Status=status,
            StatusDetails=status,
            ResponseCode=process.returncode,
            StandardOutputContent=streams["stdout"].decode(errors="replace")[:INLINE_LIMIT],
            StandardErrorContent=streams["stderr"].decode(errors="replace")[:INLINE_LIMIT],
        )
        command.status = command.status_details = status
