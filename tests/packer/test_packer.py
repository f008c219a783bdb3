"""Packer as a builder: the real program, over real SSH, against the local cloud."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from demo.processes import Process
from tests.packer.looks import (
    bake_status,
    is_clean,
    of,
    until_bullet,
    until_clean,
)
from tests.packer.team_template import JSON_TEMPLATE
from tests.stacks import StackUnderTest, Theatre

Packed = Callable[..., StackUnderTest]


async def test_the_same_image_comes_of_packer(packed: Packed) -> None:
    stack = packed()
    stack.repository.release("v1")
    result = await stack.release("v1")
    bullets = (await bake_status(stack))["bullets"]
    with stack.visitors() as visitors:
        tally = visitors.stop()

    assert set(tally.versions) <= {"v1"}
    assert [bullet["mark"] for bullet in bullets] == ["done"] * 6
    image = stack.account.ec2.describe_images(ImageIds=[result["image"]])["Images"][0]
    tags = {tag["Key"]: tag["Value"] for tag in image["Tags"]}
    assert (tags["ovenbird:tag"], tags["ovenbird:application"]) == ("v1", f"app{stack.name[1:]}")
    assert is_clean(of(stack))
    log = stack.account.s3.list_objects_v2(
        Bucket=stack.infrastructure.bucket, Prefix=f"logs/app{stack.name[1:]}/"
    )["Contents"]
    text = (
        stack.account.s3.get_object(Bucket=stack.infrastructure.bucket, Key=log[0]["Key"])["Body"]
        .read()
        .decode()
    )
    assert "Connected to SSH!" in text
    assert f"app{stack.name[1:]} v1 at" in text


async def test_only_this_server_is_admitted(packed: Packed) -> None:
    stack = packed()
    stack.repository.release("v1", ovenbird__env='BUILD="sleep 2"\nSTART="python3 app.py"\n')
    handle = await stack.start("v1")
    await until_bullet(stack, 4)
    groups = stack.account.ec2.describe_security_groups()["SecurityGroups"]
    (group,) = (g for g in groups if f"app{stack.name[1:]}-" in g["GroupName"])
    await handle.result()

    (rule,) = group["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"], [entry["CidrIp"] for entry in rule["IpRanges"]]) == (
        22,
        22,
        ["127.0.0.1/32"],
    )


async def test_a_failing_script_is_told_in_packers_own_words(packed: Packed) -> None:
    stack = packed()
    stack.repository.release(
        "v1", ovenbird__env='BUILD="echo no such compiler >&2; exit 7"\nSTART="python3 app.py"\n'
    )
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "RolledBack"
    assert "Script exited with non-zero exit status: 7" in error.message
    assert is_clean(of(stack))
    assert of(stack).images == {}


async def test_a_teams_own_template_bakes_too_in_json_and_with_a_single_script(
    packed: Packed, tmp_path: Path
) -> None:
    template = tmp_path / "team.json"
    template.write_text(json.dumps(JSON_TEMPLATE))
    stack = packed(more=f'packer.template = "{template}"')
    stack.repository.release("v1")
    result = await stack.release("v1")

    image = stack.account.ec2.describe_images(ImageIds=[result["image"]])["Images"][0]
    assert {"Key": "ovenbird:tag", "Value": "v1"} in image["Tags"]
    assert is_clean(of(stack))


@pytest.mark.parametrize(
    "action", ["RunInstances", "CreateImage", "StopInstances", "TerminateInstances"]
)
async def test_a_lost_reply_is_made_up_for(packed: Packed, action: str) -> None:
    """Plain Packer fails then, or leaves an instance and reports success."""
    stack = packed()
    stack.repository.release("v1")
    stack.account.fault("lost_reply", action, times=1)
    await stack.release("v1")

    await until_clean(stack)
    assert len(of(stack).images) == 1


async def test_a_subnet_without_capacity_is_passed_over(packed: Packed) -> None:
    stack = packed()
    stack.repository.release("v1")
    empty = stack.infrastructure.subnets[0]
    stack.account.fault(
        "insufficient_capacity", match={"subnet": empty, "tags": f"app{stack.name[1:]}"}, times=None
    )
    await stack.release("v1")

    assert is_clean(of(stack))


async def test_a_template_with_a_mistake_is_refused_before_anything_is_made(
    packed: Packed, tmp_path: Path
) -> None:
    template = tmp_path / "wrong.json"
    template.write_text(json.dumps({"builders": [{"type": "amazon-ebs", "ami_nam": "x"}]}))
    stack = packed(more=f'packer.template = "{template}"')
    stack.repository.release("v1")
    stack.account.forget_calls()
    error = await stack.fails(await stack.start("v1"))

    assert "packer validate refuses" in error.message
    assert "ami_nam" in error.message
    assert not [
        call for call in stack.account.calls() if call["action"].startswith(("Create", "Run"))
    ]


@pytest.fixture
async def packerless(theatre: Theatre, tmp_path: Path) -> AsyncIterator[Process]:
    """A worker whose PATH has no packer."""
    for name in ("git", "sh", "env", "ssh"):
        if found := shutil.which(name):
            (tmp_path / name).symlink_to(found)
    worker = await asyncio.to_thread(
        theatre.stage.start_worker, OVENBIRD_TASK_QUEUE="packerless", PATH=str(tmp_path)
    )
    yield worker
    worker.kill()


async def test_no_packer_is_said_before_anything_is_made(
    packed: Packed, packerless: Process
) -> None:
    stack = packed()
    stack.repository.release("v1")
    stack.account.forget_calls()
    handle = await stack.theatre.client.start_workflow(
        "ReleaseWorkflow",
        {"stack": stack.name, "tag": "v1"},
        id=f"release-{stack.name}",
        task_queue="packerless",
    )
    error = await stack.fails(handle)

    assert packerless.popen.poll() is None
    assert "no packer on its PATH: install" in error.message
    assert not [
        call for call in stack.account.calls() if call["action"].startswith(("Create", "Run"))
    ]


async def test_what_packer_made_is_launched_once_too(packed: Packed) -> None:
    stack = packed(more="verify = true\n")
    stack.repository.release("v1")
    result = await stack.release("v1")
    (made,) = stack.account.ec2.describe_images(ImageIds=[result["image"]])["Images"]

    assert {"Key": "ovenbird:verified", "Value": "true"} in made["Tags"]
    assert made["ImdsSupport"] == "v2.0"
