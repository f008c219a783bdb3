"""What the tests of Packer look at: the bake, what it left, and the processes of Packer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from demo.account import Snapshot
from tests.stacks import StackUnderTest, eventually


def of(stack: StackUnderTest) -> Snapshot:
    """The builder and the images of the stack's application."""
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
    """Until one of the six sentences has the mark. They are counted from one."""

    async def there() -> bool:
        bullets = (await bake_status(stack)).get("bullets", [])
        return bool(bullets) and bullets[number - 1]["mark"] == mark

    await eventually(there, 40)


async def until_clean(stack: StackUnderTest) -> None:
    async def clean() -> bool:
        return is_clean(of(stack))

    await eventually(clean, 40, lambda: f"left: {of(stack)}")


async def is_true(value: bool) -> bool:
    return value


def packers_of(repository: str) -> list[str]:
    """
    The command lines of the Packers that bake from this repository.

    Its whole address tells them apart: other tests that run now use the same names.
    """
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
