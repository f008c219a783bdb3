"""Packer as a builder: the real program, over real SSH, against the local cloud."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from demo.account import Snapshot
from demo.processes import Process
from tests.conftest import StackUnderTest, Theatre, eventually

Packed = Callable[..., StackUnderTest]
# What the project's own template does, in the old format: without a map of tags, which JSON cannot be given.
JSON_TEMPLATE = {
    "variables": dict.fromkeys(
        (
            "region",
            "endpoint",
            "source_ami",
            "vpc",
            "subnet",
            "image_name",
            "release",
            "key_pair",
            "bundle",
            "application",
            "repository",
            "tag",
            "commit",
            "ssh_user",
            "ssh_interface",
            "security_group",
            "ssh_port",
        ),
        "",
    ),
    "builders": [
        {
            "type": "amazon-ebs",
            "region": "{{user `region`}}",
            "custom_endpoint_ec2": "{{user `endpoint`}}",
            "skip_region_validation": True,
            "skip_metadata_api_check": True,
            "source_ami": "{{user `source_ami`}}",
            "instance_type": "t3.micro",
            "subnet_id": "{{user `subnet`}}",
            "vpc_id": "{{user `vpc`}}",
            "security_group_id": "{{user `security_group`}}",
            "temporary_key_pair_name": "{{user `key_pair`}}",
            "ami_name": "{{user `image_name`}}",
            "ssh_username": "{{user `ssh_user`}}",
            "ssh_interface": "{{user `ssh_interface`}}",
            "ssh_port": "{{user `ssh_port`}}",
            "run_tags": {"ovenbird:release": "{{user `release`}}", "Name": "{{user `image_name`}}"},
        }
    ],
    "provisioners": [
        {"type": "file", "source": "{{user `bundle`}}", "destination": "recipe.tar.gz"},
        {
            "type": "shell",
            "remote_folder": ".",
            "inline": [
                "work=$DESTDIR/var/lib/ovenbird/recipe && mkdir -p $work && tar -xzf recipe.tar.gz -C $work && rm recipe.tar.gz",
                "export OVENBIRD_APPLICATION='{{user `application`}}' OVENBIRD_REPOSITORY='{{user `repository`}}'",
                "export OVENBIRD_TAG='{{user `tag`}}' OVENBIRD_COMMIT='{{user `commit`}}'",
                "python3 $work/agent.py code",
            ],
        },
    ],
}


def of(stack: StackUnderTest) -> Snapshot:
    """What there is of the stack's application: its builder, its images."""
    return stack.account.snapshot(only=f"app{stack.name[1:]}-")


def is_clean(found: Snapshot) -> bool:
    return not (found.instances or found.security_groups or found.key_pairs)


async def bake_status(stack: StackUnderTest) -> dict[str, Any]:
    bake = (await stack.status())["bake"]
    if not bake:
        return {}
    found: dict[str, Any] = await stack.theatre.client.get_workflow_handle(
        bake["workflow_id"]
    ).query("status")
    return found


async def until_bullet(stack: StackUnderTest, number: int, mark: str = "doing") -> None:
    """Of the six sentences, counted from one."""

    async def there() -> bool:
        bullets = (await bake_status(stack)).get("bullets", [])
        return bool(bullets) and bullets[number - 1]["mark"] == mark

    await eventually(there, 40)


async def until_clean(stack: StackUnderTest) -> None:
    async def clean() -> bool:
        return is_clean(of(stack))

    await eventually(clean, 40, lambda: f"left: {of(stack)}")


async def test_the_same_image_comes_of_packer(packed: Packed) -> None:
    stack = packed()
    stack.repository.release("v1")
    result = await stack.release("v1")
    bullets = (await bake_status(stack))["bullets"]
    with stack.traffic() as traffic:
        tally = traffic.stop()

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


@pytest.mark.parametrize("bullet", [2, 4, 5])
async def test_a_killed_worker_takes_its_packer_with_it_and_the_next_one_begins_clean(
    packed: Packed, bullet: int
) -> None:
    stack = packed()
    stack.repository.release("v1", ovenbird__env='BUILD="sleep 1.5"\nSTART="python3 app.py"\n')
    if bullet == 5:
        stack.account.fault("late_reply", "CreateImage", seconds=60)
    handle = await stack.start("v1")
    await until_bullet(stack, bullet)
    if bullet == 5:
        await eventually(lambda: _is_there(bool(of(stack).images)))
    mine = stack.repository.url
    await eventually(lambda: _is_there(bool(_packers(mine))))
    stack.theatre.worker.kill()
    await eventually(
        lambda: _is_there(not _packers(mine)),
        5,
        lambda: f"Packer outlived its worker: {_packers(mine)}",
    )
    assert stack.theatre.worker
    await handle.result()

    assert is_clean(of(stack))
    assert len(of(stack).images) == 1


async def test_an_abort_kills_packer_at_once_and_leaves_nothing(packed: Packed) -> None:
    stack = packed()
    stack.repository.release("v1", ovenbird__env='BUILD="sleep 60"\nSTART="python3 app.py"\n')
    handle = await stack.start("v1")
    await until_bullet(stack, 4)
    said = time.monotonic()
    await handle.signal("abort_and_roll_back", {"by": "ann"})
    error = await stack.fails(handle)
    await until_clean(stack)

    assert error.type == "RolledBack"
    assert time.monotonic() - said < 15
    assert _packers(stack.repository.url) == []


async def test_an_abort_while_its_image_is_pending_takes_it_away_and_the_next_bake_has_its_name(
    packed: Packed,
) -> None:
    """Packer tags an image once it is available: until then only its source tells whose it is."""
    stack = packed()
    stack.repository.release("v1")
    stack.account.fault("image_pending", match={"name": f"app{stack.name[1:]}-"})
    handle = await stack.start("v1")
    await until_bullet(stack, 5)
    await eventually(lambda: _is_there(bool(of(stack).images)))
    await handle.signal("abort_and_roll_back", {"by": "ann"})
    await stack.fails(handle)
    await until_clean(stack)

    async def no_image() -> bool:
        return not of(stack).images

    await eventually(no_image, 20)
    await stack.release("v1")
    assert len(of(stack).images) == 1


@pytest.mark.parametrize(
    "action", ["RunInstances", "CreateImage", "StopInstances", "TerminateInstances"]
)
async def test_a_lost_reply_is_made_up_for(packed: Packed, action: str) -> None:
    """Where plain Packer gives up, or leaks an instance and says that all is well."""
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


async def _is_there(found: bool) -> bool:
    return found


def _packers(repository: str) -> list[str]:
    """Of this test's application, by the repository that each is told of: its whole address, since tests that run side by side number theirs alike."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (
                b"packer" in (process / "comm").read_bytes()
                and f"={repository}\0".encode() in (process / "environ").read_bytes()
            ):
                found.append((process / "cmdline").read_bytes().decode().replace("\0", " "))
        except OSError:
            continue
    return found


async def test_what_packer_made_is_launched_once_too(packed: Packed) -> None:
    stack = packed(more="verify = true\n")
    stack.repository.release("v1")
    result = await stack.release("v1")
    (made,) = stack.account.ec2.describe_images(ImageIds=[result["image"]])["Images"]

    assert {"Key": "ovenbird:verified", "Value": "true"} in made["Tags"]
    assert made["ImdsSupport"] == "v2.0"
