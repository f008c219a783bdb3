"""Packer ends with its worker and with an abort, and nothing of it is left."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.packer.looks import (
    is_clean,
    is_true,
    of,
    packers_of,
    until_bullet,
    until_clean,
)
from tests.stacks import StackUnderTest, eventually

Packed = Callable[..., StackUnderTest]


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
        await eventually(lambda: is_true(bool(of(stack).images)))
    url = stack.repository.url
    await eventually(lambda: is_true(bool(packers_of(url))))
    stack.theatre.worker.kill()
    await eventually(
        lambda: is_true(not packers_of(url)),
        5,
        lambda: f"Packer outlived its worker: {packers_of(url)}",
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
    assert packers_of(stack.repository.url) == []


async def test_an_abort_while_its_image_is_pending_takes_it_away_and_the_next_bake_has_its_name(
    packed: Packed,
) -> None:
    """Packer tags an image once it is available. Until then, its source alone tells whose it is."""
    stack = packed()
    stack.repository.release("v1")
    stack.account.fault("image_pending", match={"name": f"app{stack.name[1:]}-"})
    handle = await stack.start("v1")
    await until_bullet(stack, 5)
    await eventually(lambda: is_true(bool(of(stack).images)))
    await handle.signal("abort_and_roll_back", {"by": "ann"})
    await stack.fails(handle)
    await until_clean(stack)

    async def no_image() -> bool:
        return not of(stack).images

    await eventually(no_image, 20)
    await stack.release("v1")
    assert len(of(stack).images) == 1
