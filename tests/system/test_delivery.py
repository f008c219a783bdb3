"""An image is verified before it is used, and it has the architecture of its instances."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from typing import Any

from demo.account import Account, Snapshot, aws_calls
from tests.stacks import StackUnderTest
from tests.system.test_bake import NEVER_ON_A_BUILDER, of

MakeStack = Callable[..., StackUnderTest]
Cli = Callable[..., subprocess.CompletedProcess[str]]
# Serves while the builder tries it, and never again.
ONLY_WHEN_STARTED_BY_HAND = r"""TRY_SECONDS=2
START="sh -c 'test -z \"\$OVENBIRD_TAG\" || test -e up || { touch up; exec python3 app.py; }'"
"""


def images(account: Account, stack: StackUnderTest) -> list[dict[str, Any]]:
    wanted: list[Any] = [{"Name": "tag:ovenbird:application", "Values": [f"app{stack.name[1:]}"]}]
    found: list[dict[str, Any]] = account.ec2.describe_images(Owners=["self"], Filters=wanted)[
        "Images"
    ]
    return found


def tags(image: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in image["Tags"]}


async def test_an_image_whose_service_does_not_come_up_by_itself_is_none(
    make_stack: MakeStack, run_cli: Cli
) -> None:
    """It served on the builder, where it was started by hand. Its unit cannot start it."""
    stack = make_stack(bake="verify = true")
    stack.repository.release("v1", ovenbird__env=ONLY_WHEN_STARTED_BY_HAND)
    done = await asyncio.to_thread(run_cli, "bake", stack.name, "v1")

    assert done.returncode != 0
    assert "the verify scripts ended as Failed" in done.stderr
    assert "its unit does not serve" in done.stderr
    assert of(stack) == Snapshot()


async def test_a_service_that_cannot_run_on_a_builder_says_so_and_is_asked_only_to_boot(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(bake="verify = true")
    stack.repository.release(
        "v1",
        ovenbird__env=NEVER_ON_A_BUILDER,
    )
    await stack.release("v1")

    assert len(stack.groups()["v1"]["Instances"]) == 2


async def test_who_asks_for_an_approval_has_an_image_verified_that_another_stack_baked(
    make_stack: MakeStack,
) -> None:
    """It is not baked twice for that."""
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
    stack.configure(f'base_image.id = "{stack.infrastructure.base_image}"', name)
    arm = make_stack(repository=stack.repository, application=f"app{stack.name[1:]}")
    arm.configure(
        f'base_image.id = "{stack.infrastructure.base_image}"',
        f'{name}\narchitecture = "arm64"',
    )
    arm.configure("t3.micro", "t4g.micro")
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
