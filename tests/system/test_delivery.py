"""What is asked of an image beside being made: that it serves, where it goes, who may use it, and that all of it is pruned again."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from typing import Any

from demo import infrastructure
from demo.account import Account, Snapshot, aws_calls
from demo.infrastructure import Infrastructure
from tests.conftest import ELSEWHERE, StackUnderTest, eventually
from tests.system.test_bake import of

MakeStack = Callable[..., StackUnderTest]
Abroad = tuple[Account, Infrastructure]
Cli = Callable[..., subprocess.CompletedProcess[str]]
FRIEND = "210987654321"
ONLY_WHEN_STARTED_BY_HAND = 'TRY_SECONDS=2\nSTART="sh -c \'test -z \\"\\$OVENBIRD_TAG\\" || test -e started || { touch started; exec python3 app.py; }\'"\n'
COPIED = f'copies = [{{ region = "{ELSEWHERE}" }}]\n'


def images(account: Account, stack: StackUnderTest) -> list[dict[str, Any]]:
    wanted: list[Any] = [{"Name": "tag:ovenbird:application", "Values": [f"app{stack.name[1:]}"]}]
    found: list[dict[str, Any]] = account.ec2.describe_images(Owners=["self"], Filters=wanted)[
        "Images"
    ]
    return found


def tags(image: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in image["Tags"]}


def configure(stack: StackUnderTest, was: str, becomes: str) -> None:
    assert was in stack.theatre.stacks[stack.name]
    stack.theatre.stacks[stack.name] = stack.theatre.stacks[stack.name].replace(was, becomes)
    stack.theatre.write_stacks()


async def test_an_image_whose_service_does_not_come_up_by_itself_is_none(
    make_stack: MakeStack, run_cli: Cli
) -> None:
    """What worked on the builder, where it was started by hand, may not work where its unit starts it."""
    stack = make_stack(bake="verify = true")
    stack.repository.release("v1", ovenbird__env=ONLY_WHEN_STARTED_BY_HAND)
    done = await asyncio.to_thread(run_cli, "bake", stack.name, "v1")

    assert done.returncode != 0
    assert "the verify scripts ended as Failed" in done.stderr
    assert "its unit does not serve" in done.stderr
    assert of(stack) == Snapshot()


async def test_a_service_that_cannot_run_alone_is_asked_only_to_boot(
    make_stack: MakeStack, run_cli: Cli
) -> None:
    stack = make_stack(bake="verify = true")
    stack.repository.release(
        "v1",
        ovenbird__env='TRY=no\nSTART="sh -c \'test -z \\"\\$OVENBIRD_BUILDER\\" && exec python3 app.py\'"\n',
    )
    done = await asyncio.to_thread(run_cli, "bake", stack.name, "v1")

    assert done.returncode == 0, done.stderr


async def test_who_asks_for_an_approval_has_an_image_verified_that_another_stack_baked(
    make_stack: MakeStack,
) -> None:
    """And it is not baked twice for that."""
    easy = make_stack()
    strict = make_stack(
        repository=easy.repository,
        application=f"app{easy.name[1:]}",
        top="approval = true",
        bake="verify = true",
    )
    easy.repository.release("v1")
    first = await easy.release("v1")
    easy.account.forget_calls()
    second = await strict.release("v1")
    calls = aws_calls(easy.account.calls())

    assert first["image"] == second["image"]
    assert (calls.count("CreateImage"), calls.count("RunInstances")) == (0, 1)
    assert "ovenbird:verified" in tags(images(easy.account, easy)[0])


async def test_one_bake_serves_stacks_in_two_regions(make_stack: MakeStack, abroad: Abroad) -> None:
    """Copied with its tags, encrypted with that region's key, shared, and all of it pruned again."""
    there, network = abroad
    key = there.kms.create_key()["KeyMetadata"]["KeyId"]
    home = make_stack(
        retention="deployments = 2",
        bake=f'copies = [{{ region = "{ELSEWHERE}", kms_key = "{key}" }}]\nshare_with = ["{FRIEND}"]\ndeprecate_after_days = 30\n',
    )
    theatre, name = home.theatre, f"{home.name}-abroad"
    built = infrastructure.add_balancer(
        theatre.stage.environment, network, name, port=9000 + int(home.name[1:])
    )
    text = built.stack(
        name,
        home.repository.url,
        application=f"app{home.name[1:]}",
        bake=f'made_by = "{home.name}"',
        retention="deployments = 2",
    )
    theatre.stacks[name] = text
    theatre.write_stacks()
    away = StackUnderTest(name, theatre, built, home.repository)
    for number in range(1, 4):
        home.repository.release(f"v{number}")
    theatre.account.forget_calls()
    first, released = await asyncio.gather(away.release("v1"), home.release("v1"))
    calls = aws_calls(theatre.account.calls())
    (made,), (copy,) = images(home.account, home), images(there, home)

    assert (calls.count("CreateImage"), calls.count("CopyImage")) == (1, 1)
    assert (released["image"], first["image"]) == (made["ImageId"], copy["ImageId"])
    assert (copy["SourceImageId"], copy["Name"]) == (made["ImageId"], made["Name"])
    differing = {"ovenbird:protected"}
    assert tags(copy).keys() - differing == tags(made).keys() - differing
    assert made["DeprecationTime"] > made["CreationDate"]
    assert (made["ImdsSupport"], made["DeregistrationProtection"]) == (
        "v2.0",
        "enabled-without-cooldown",
    )
    assert (copy["ImdsSupport"], copy["BlockDeviceMappings"][0]["Ebs"]["KmsKeyId"]) == ("v2.0", key)
    for account, image in ((home.account, made), (there, copy)):
        permissions = account.ec2.describe_image_attribute(
            ImageId=image["ImageId"], Attribute="launchPermission"
        )["LaunchPermissions"]
        assert permissions == [{"UserId": FRIEND}]
    assert len(there.stack_groups(name)["v1"]["Instances"]) == 2

    # What is shared may be in use where nobody sees it: it goes by its age.
    configure(home, "deployments = 2", "deployments = 2\nshared_image_days = 0.000001")
    configure(away, "deployments = 2", "deployments = 2\nshared_image_days = 0.000001")
    for tag in ("v2", "v3"):
        ended = await asyncio.gather(away.release(tag), home.release(tag))
    assert made["ImageId"] in ended[1]["pruned"]
    assert {image["ImageId"] for image in images(home.account, home)} & {made["ImageId"]} == set()
    assert (len(images(home.account, home)), len(images(there, home))) == (2, 2)
    left = there.snapshot(only=f"app{home.name[1:]}")
    assert (len(left.snapshots), left.security_groups) == (2, [])


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


async def test_one_definition_serves_both_architectures(
    make_stack: MakeStack, run_cli: Cli
) -> None:
    stack = make_stack()
    bases = {
        architecture: stack.account.ec2.register_image(
            Name=f"{stack.name}-{architecture}",
            RootDeviceName="/dev/xvda",
            Architecture=architecture,
        )["ImageId"]
        for architecture in ("x86_64", "arm64")
    }
    name = f'base_image = {{ name = "{stack.name}-{{architecture}}", owner = "self" }}'
    configure(stack, f'base_image.id = "{stack.infrastructure.base_image}"', name)
    arm = make_stack(repository=stack.repository, application=f"app{stack.name[1:]}")
    configure(
        arm,
        f'base_image.id = "{stack.infrastructure.base_image}"',
        f'{name}\narchitecture = "arm64"',
    )
    configure(arm, "t3.micro", "t4g.micro")
    stack.repository.release("v1")
    done = await asyncio.gather(
        *(asyncio.to_thread(run_cli, "bake", name, "v1") for name in (stack.name, arm.name))
    )
    assert [one.returncode for one in done] == [0, 0]
    found = {
        image["Architecture"]: tags(image)["ovenbird:base-image"]
        for image in images(stack.account, stack)
    }

    assert found == bases
