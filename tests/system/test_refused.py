"""A refused release has changed nothing, and it says what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stacks import StackUnderTest

pytestmark = pytest.mark.shared_images


async def test_target_groups_that_do_not_exist_or_serve_nobody_are_refused_by_name(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    stack = make_stack()
    stack.repository.release("v1")
    idle = stack.account.elbv2.create_target_group(
        Name=f"{stack.name}-idle", Protocol="HTTP", Port=80, VpcId=stack.infrastructure.vpc
    )
    text = stack.theatre.stacks[stack.name]
    for name, words in ((f"{stack.name}-none", "exist"), (f"{stack.name}-idle", "no listener")):
        stack.theatre.stacks[stack.name] = text.replace(
            f'["{stack.infrastructure.target_group}"]', f'["{name}"]'
        )
        stack.theatre.write_stacks()
        error = await stack.fails(await stack.start("v1"))

        assert error.type == "Refused"
        assert name in error.message
        assert words in error.message
    stack.account.elbv2.delete_target_group(
        TargetGroupArn=idle["TargetGroups"][0]["TargetGroupArn"]
    )
