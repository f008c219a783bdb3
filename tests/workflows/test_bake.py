"""A bake by itself: an image, and none of the temporary things, however it ends."""

from __future__ import annotations

import pytest

from domain.errors import BakeFailed
from tests.workflows.blueprint import commit
from tests.workflows.case import Case, Handle, failure
from tests.workflows.conftest import MakeCase
from tests.workflows.world import identity


async def bake(case: Case) -> Handle:
    case.world.commits["v3"] = commit("v3")
    id_ = identity(case.stack, "v3", commit("v3"), "ami-base").workflow_id
    return await case.start("BakeWorkflow", workflow_id=id_, tag="v3")


async def test_a_bake_makes_an_image_and_destroys_the_rest(make_case: MakeCase) -> None:
    case = await make_case()
    handle = await bake(case)

    image = await handle.result()

    assert case.account.images[image["id"]].state == "available"
    assert (case.account.builders, case.account.security_groups) == ({}, {})
    status = await handle.query("status")
    assert [r["kind"] for r in status["ledger"] if not r["gone"]] == ["image"]
    assert [bullet["mark"] for bullet in status["bullets"]] == ["done"] * 6


@pytest.mark.parametrize(
    "call", ["launch_builder", "provisioner_finished", "ensure_image", "image_available"]
)
async def test_a_bake_that_fails_leaves_nothing(make_case: MakeCase, call: str) -> None:
    case = await make_case()
    before = set(case.account.images)
    case.world.fail(call, BakeFailed(f"{call} failed"))
    handle = await bake(case)

    error = await failure(handle)

    assert error
    assert f"{call} failed" in error.message
    assert (case.account.builders, case.account.security_groups) == ({}, {})
    assert set(case.account.images) == before
    assert [r for r in (await handle.query("status"))["ledger"] if not r["gone"]] == []


async def test_a_bake_of_what_there_is_makes_nothing(make_case: MakeCase) -> None:
    case = await make_case()
    id_ = identity(case.stack, "v2", commit("v2"), "ami-base").workflow_id

    image = await (await case.start("BakeWorkflow", workflow_id=id_, tag="v2")).result()

    assert image["id"] == "ami-v2"
    assert not {"launch_builder", "ensure_security_group"} & set(case.world.names())
