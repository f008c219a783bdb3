"""Counts a planted secret in every place that a bake could have written it to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowHistoryEventFilterType

from tests.stacks import StackUnderTest, Theatre


def disk(theatre: Theatre, image: str) -> Path:
    return Path(theatre.stage.home) / "cloud/images" / image


async def places_that_know(
    stack: StackUnderTest, handle: WorkflowHandle[Any, dict[str, Any]], secret: str, seconds: float
) -> tuple[dict[str, Any], dict[str, int]]:
    """
    The result of the release, and how often each place holds the secret.

    Processes are watched for so many seconds, from the call on.
    """
    theatre, account = stack.theatre, stack.account
    looking = asyncio.create_task(asyncio.to_thread(_processes_that_know, secret, seconds))
    result = await handle.result()
    bake = theatre.client.get_workflow_handle((await stack.status())["bake"]["workflow_id"])
    histories = await _histories(handle, bake)
    described: Any = account.ec2.describe_instances()["Reservations"]
    user_data = _user_data(stack)
    # The test itself calls PutParameter with the secret.
    calls = [call for call in account.calls() if call["action"] != "PutParameter"]
    files = [
        path
        for path in disk(theatre, result["image"]).rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    assert len(histories) > 10_000
    assert len(files) > 5
    # Those of the builder and of the two instances that serve.
    assert len(user_data) >= 3
    return result, {
        "history": histories.count(secret),
        "logs": _objects(stack).count(secret.encode()),
        "user data": str(user_data).count(secret),
        "tags": str(described).count(secret) + str(account.snapshot()).count(secret),
        "calls": str(calls).count(secret),
        "worker's log": sum(
            path.read_text().count(secret) for path in theatre.stage.home.glob("*.log")
        ),
        "processes": len(await looking),
        "disk": sum(secret.encode() in path.read_bytes() for path in files),
    }


async def _histories(*handles: WorkflowHandle[Any, Any]) -> str:
    everything = WorkflowHistoryEventFilterType.ALL_EVENT
    return "".join(
        [
            event.SerializeToString().decode("latin1")
            for handle in handles
            async for event in handle.fetch_history_events(event_filter_type=everything)
        ]
    )


def _user_data(stack: StackUnderTest) -> list[Any]:
    """Of this application's instances alone: the cloud forgets older ones, which have ended."""
    ec2, application = stack.account.ec2, f"app{stack.name[1:]}"
    found = ec2.describe_instances(
        Filters=[{"Name": "tag:ovenbird:application", "Values": [application]}]
    )["Reservations"]
    instances = [i["InstanceId"] for reservation in found for i in reservation["Instances"]]
    return [
        ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")
        for instance in instances
    ]


def _objects(stack: StackUnderTest) -> bytes:
    """The contents of all objects in the bucket."""
    s3, bucket = stack.account.s3, stack.infrastructure.bucket
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    return b"".join(s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)


def _processes_that_know(secret: str, seconds: float) -> list[str]:
    """Processes whose arguments or environment held the secret at one of many looks."""
    found: set[str] = set()
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        for process in Path("/proc").glob("[0-9]*"):
            for what in ("cmdline", "environ"):
                try:
                    if secret.encode() in (process / what).read_bytes():
                        found.add(f"{what} of {(process / 'comm').read_text()}")
                except OSError:
                    continue
        sleep(0.02)
    return sorted(found)
