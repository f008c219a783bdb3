"""An image is copied to other regions and shared with other accounts, and pruned in all of them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from typing import Any

from demo.account import Account, Snapshot, aws_calls
from demo.balancers import add_balancer
from demo.infrastructure import Infrastructure
from tests.conftest import ELSEWHERE
from tests.stacks import StackUnderTest, eventually, new_tags, timeouts_table
from tests.system.test_bake import of
from tests.system.test_delivery import images, tags

MakeStack = Callable[..., StackUnderTest]
Abroad = tuple[Account, Infrastructure]
Cli = Callable[..., subprocess.CompletedProcess[str]]
FRIEND = "210987654321"
COPIED = f'copies = [{{ region = "{ELSEWHERE}" }}]\n'


async def test_one_bake_serves_stacks_in_two_regions(make_stack: MakeStack, abroad: Abroad) -> None:
    """The copy has the same tags, another key and the same permissions. Later both are pruned."""
    there, infrastructure = abroad
    key = there.kms.create_key()["KeyMetadata"]["KeyId"]
    wanted = f"""copies = [{{ region = "{ELSEWHERE}", kms_key = "{key}" }}]
share_with = ["{FRIEND}"]
deprecate_after_days = 30
"""
    home = make_stack(retention="deployments = 2", bake=wanted)
    away = stack_abroad(home, infrastructure)
    new_tags(home, "v1", "v2")
    home.account.forget_calls()
    first, released = await asyncio.gather(away.release("v1"), home.release("v1"))
    calls = aws_calls(home.account.calls())
    (made,), (copy,) = images(home.account, home), images(there, home)

    assert (calls.count("CreateImage"), calls.count("CopyImage")) == (1, 1)
    assert (released["image"], first["image"]) == (made["ImageId"], copy["ImageId"])
    assert_alike(made, copy)
    assert copy["BlockDeviceMappings"][0]["Ebs"]["KmsKeyId"] == key
    assert_shared((home.account, made), (there, copy))
    assert len(there.stack_groups(away.name)["v1"]["Instances"]) == 2
    await assert_pruned(home, away, there, made["ImageId"])


def stack_abroad(home: StackUnderTest, infrastructure: Infrastructure) -> StackUnderTest:
    """Another stack of the same application, whose images the home stack makes."""
    theatre, name = home.theatre, f"{home.name}-abroad"
    built = add_balancer(
        theatre.stage.environment, infrastructure, name, port=9000 + int(home.name[1:])
    )
    theatre.stacks[name] = built.stack(
        name,
        home.repository.url,
        application=f"app{home.name[1:]}",
        bake=f'made_by = "{home.name}"',
        retention="deployments = 2",
        timeouts=timeouts_table({}),
    )
    theatre.write_stacks()
    return StackUnderTest(name, theatre, built, home.repository)


def assert_alike(made: dict[str, Any], copy: dict[str, Any]) -> None:
    assert (copy["SourceImageId"], copy["Name"]) == (made["ImageId"], made["Name"])
    differing = {"ovenbird:protected"}
    assert tags(copy).keys() - differing == tags(made).keys() - differing
    assert made["DeprecationTime"] > made["CreationDate"]
    assert (made["ImdsSupport"], copy["ImdsSupport"]) == ("v2.0", "v2.0")
    assert made["DeregistrationProtection"] == "enabled-without-cooldown"


def assert_shared(*found: tuple[Account, dict[str, Any]]) -> None:
    for account, image in found:
        permissions = account.ec2.describe_image_attribute(
            ImageId=image["ImageId"], Attribute="launchPermission"
        )["LaunchPermissions"]
        assert permissions == [{"UserId": FRIEND}]


async def assert_pruned(
    home: StackUnderTest, away: StackUnderTest, there: Account, first_image: str
) -> None:
    """A shared image may be in use where nobody sees it, so it is pruned by its age."""
    for stack in (home, away):
        stack.configure("deployments = 2", "deployments = 2\nshared_image_days = 0.000001")
    for again in (False, True):
        ended = await asyncio.gather(
            away.release("v2", force=again), home.release("v2", force=again)
        )
    assert first_image in ended[1]["pruned"]
    assert first_image not in {image["ImageId"] for image in images(home.account, home)}
    assert (len(images(home.account, home)), len(images(there, home))) == (1, 1)
    left = there.snapshot(only=f"app{home.name[1:]}")
    assert (len(left.snapshots), left.security_groups) == (1, [])


async def test_a_copy_that_fails_is_cleared_away_and_made_by_the_next_bake(
    make_stack: MakeStack, abroad: Abroad, run_cli: Cli
) -> None:
    there, _ = abroad
    stack = make_stack(bake=COPIED)
    stack.repository.release("v1")
    stack.account.fault(
        "image_failed", "CopyImage", match={"region": ELSEWHERE, "name": f"app{stack.name[1:]}-"}
    )
    error = await stack.fails(await stack.start("v1"))

    assert f"could not be copied to {ELSEWHERE}: the image" in error.message
    assert "is failed: Snapshot creation failed" in error.message
    assert there.snapshot(only=f"app{stack.name[1:]}") == Snapshot()
    (made,) = images(stack.account, stack)
    stack.account.forget_calls()
    done = await asyncio.to_thread(run_cli, "bake", stack.name, "v1", "--json")
    assert done.returncode == 0, done.stderr
    baked = json.loads(done.stdout.splitlines()[-1])
    calls = aws_calls(stack.account.calls())
    assert (calls.count("CopyImage"), calls.count("CreateImage")) == (1, 0)
    (copy,) = images(there, stack)
    assert (baked["baked"], baked["image"]["id"], baked["image"]["copies"]) == (
        False,
        made["ImageId"],
        {ELSEWHERE: copy["ImageId"]},
    )


async def test_a_copy_whose_reply_is_lost_is_one_copy(
    make_stack: MakeStack, abroad: Abroad, run_cli: Cli
) -> None:
    there, _ = abroad
    stack = make_stack(bake=COPIED)
    stack.repository.release("v1")
    stack.account.fault("lost_reply", "CopyImage", match={"body": f"app{stack.name[1:]}"})
    done = await asyncio.to_thread(run_cli, "bake", stack.name, "v1")

    assert done.returncode == 0, done.stderr
    assert len(images(there, stack)) == 1


async def test_an_abort_while_it_is_copied_leaves_no_half_copy(
    make_stack: MakeStack, abroad: Abroad
) -> None:
    there, _ = abroad
    stack = make_stack(bake=COPIED)
    stack.repository.release("v1")
    stack.account.fault(
        "image_pending", "CopyImage", match={"region": ELSEWHERE, "name": f"app{stack.name[1:]}-"}
    )
    handle = await stack.start("v1")

    async def copying() -> bool:
        return any(image["State"] == "pending" for image in images(there, stack))

    await eventually(copying, 40)
    await handle.signal("abort_and_roll_back")
    assert (await stack.fails(handle)).type == "RolledBack"

    async def gone() -> bool:
        return (
            there.snapshot(only=f"app{stack.name[1:]}") == Snapshot()
            and not of(stack).security_groups
        )

    await eventually(gone, 40)
    assert len(images(stack.account, stack)) == 1


async def test_what_could_not_be_shared_is_refused_before_anything_is_made(
    make_stack: MakeStack, abroad: Abroad
) -> None:
    there, _ = abroad
    stack = make_stack(bake=COPIED + f'share_with = ["{FRIEND}"]\n')
    stack.repository.release("v1")
    there.ec2.enable_ebs_encryption_by_default()
    stack.account.forget_calls()
    try:
        error = await stack.fails(await stack.start("v1"))
    finally:
        there.ec2.disable_ebs_encryption_by_default()

    assert (
        f"encrypted with a key of AWS's own in {ELSEWHERE}, and such an image cannot be shared"
        in error.message
    )
    assert not {"CreateSecurityGroup", "RunInstances", "CreateImage", "CopyImage"} & set(
        aws_calls(stack.account.calls())
    )
    assert of(stack) == Snapshot()
