"""A prune by itself does what a release's last sentence does, and obeys an operator meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from domain import names
from domain.errors import DIRTY, REFUSED, AwsRefused
from domain.models import State
from tests.workflows.case import Case, Handle, failure, refusal
from tests.workflows.conftest import MakeCase

OLDER = ("v01", "v02", "v03", "v04", "v05", "v06")
FOUR = {"deployments": 4}
REMOVALS = {"delete_launch_template", "delete_empty_group", "delete_image"}


async def prune(case: Case, **more: str) -> Handle:
    return await case.start("PruneWorkflow", requested_by="tests", **more)


async def dry_run(case: Case) -> dict[str, dict[str, str]]:
    """By the name of what was judged."""
    handle = await case.start("PrunePlanWorkflow", workflow_id=f"prune-plan-{case.stack.name}")
    found = await handle.result()
    assert not REMOVALS & set(case.world.names())
    return {verdict["name"]: verdict for verdict in found["verdicts"]}


def left(case: Case) -> tuple[set[str], set[str]]:
    """The tags of the deployments, and the images."""
    tags = {group.tags[names.TAG] for group in case.account.groups.values()}
    return tags, set(case.account.images)


async def test_it_prunes_what_its_dry_run_says(make_case: MakeCase) -> None:
    case = await make_case(parked=OLDER, retention=FOUR)

    told = await dry_run(case)

    assert [v["verdict"] for v in told.values()] == ["stays"] * 4 + ["goes"] * 3 + [
        "stays" if image in ("ami-v04", "ami-v05", "ami-v06", "ami-v1") else "goes"
        for image in told
        if image.startswith("ami-")
    ]
    going = {name for name, verdict in told.items() if verdict["verdict"] == "goes"}
    handle = await prune(case)
    result = await handle.result()
    assert {v["name"] for v in result["verdicts"] if v["verdict"] == "gone"} == going
    assert left(case) == (
        {"v04", "v05", "v06", "v1"},
        {"ami-v04", "ami-v05", "ami-v06", "ami-v1"},
    )
    assert not going & case.account.template_images.keys()
    status = await handle.query("status")
    assert (status["phase"], status["workflow"]) == ("pruned", "prune")
    assert {entry["name"] for entry in status["ledger"] if entry["gone"]} == going
    # Safe to run twice.
    assert {v["verdict"] for v in (await (await prune(case)).result())["verdicts"]} == {"stays"}


async def test_each_row_of_a_dry_run_says_why(make_case: MakeCase) -> None:
    case = await make_case(parked=OLDER, retention={"deployments": 2})
    case.group("v02").target_groups.append("arn:of-another-stack")
    case.group("v03").tags[names.SERVED_AT] = "yesterday"
    never = case.make("v9", State.PARKED, 9)
    del never.tags[names.STATE], never.tags[names.SERVED_AT]
    case.account.template_images["of-another-stack"] = "ami-v01"
    images = case.account.images
    images["ami-v04"] = images["ami-v04"].model_copy(update={"protection": "foreign"})
    images["ami-v05"] = images["ami-v05"].model_copy(
        update={"shared_with": ("210987654321",), "created_at": "2999-01-01T00:00:00Z"}
    )

    told = await dry_run(case)

    name = f"{case.stack.name}-".__add__
    whys = {name: (verdict["verdict"], verdict["why"]) for name, verdict in told.items()}
    assert whys == {
        name("v1"): ("stays", "it serves"),
        name("v9"): ("stays", "it never served: it belongs to a release that runs or has failed"),
        name("v06"): ("stays", "it is one of the last 2 that served"),
        name("v05"): ("goes", "2 others have served after it"),
        name("v04"): ("goes", "2 others have served after it"),
        name("v03"): ("stays", "its tag ovenbird:served-at is not a time: 'yesterday'"),
        name("v02"): ("stays", "it is in the load balancer: arn:of-another-stack"),
        name("v01"): ("goes", "2 others have served after it"),
        "ami-v1": ("stays", f"its commit is that of {name('v1')}"),
        "ami-v9": ("stays", f"its commit is that of {name('v9')}"),
        "ami-v06": ("stays", f"its commit is that of {name('v06')}"),
        "ami-v05": ("stays", "it is shared with 210987654321, and it is not older than 90 days"),
        "ami-v04": ("stays", "somebody protects it against being deregistered"),
        "ami-v03": ("stays", f"its commit is that of {name('v03')}"),
        "ami-v02": ("stays", f"its commit is that of {name('v02')}"),
        "ami-v01": ("stays", "it is used by launch template of-another-stack"),
        "ami-v2": (
            "goes",
            "no deployment of this stack has its commit, and it is older than 14 days",
        ),
    }


@pytest.mark.parametrize("call", sorted(REMOVALS))
async def test_a_lost_reply_changes_nothing(make_case: MakeCase, call: str) -> None:
    case = await make_case(parked=OLDER, retention=FOUR)
    case.world.lose_reply(call)

    await (await prune(case)).result()

    assert left(case)[0] == {"v04", "v05", "v06", "v1"}


async def test_what_is_not_pruned_at_an_abort_stays(make_case: MakeCase) -> None:
    """The call in flight is the deletion of the first group; its template is gone before it."""
    case = await make_case(parked=OLDER, retention=FOUR)
    answers: list[str] = []

    async def abort() -> None:
        answers.append(await case.says("abort_and_roll_back", reason="a rollback is more urgent"))
        answers.append(await refusal(case, "abort_and_roll_back"))

    case.world.at("delete_empty_group", abort, number=2)
    handle = await prune(case)

    error = await failure(handle)

    assert error
    assert error.type == DIRTY
    assert error.message.startswith("aborted by an operator: a rollback is more urgent. ")
    assert answers == ["aborted: what is not removed yet stays", "it is aborted already"]
    (pruned,) = error.details
    by_name = {v["name"]: v["verdict"] for v in pruned["verdicts"] if v["kind"] == "deployment"}
    assert sorted(by_name.values()) == ["gone", "left", "left"] + ["stays"] * 4
    assert by_name[f"{case.stack.name}-v03"] == "left"
    assert "v03" in left(case)[0]
    assert "delete_image" not in case.world.names()
    await (await prune(case)).result()
    assert left(case)[0] == {"v04", "v05", "v06", "v1"}


async def test_an_abort_before_the_first_removal_is_a_refusal(make_case: MakeCase) -> None:
    case = await make_case(parked=OLDER, retention=FOUR)
    case.world.at("find_images", lambda: case.says("abort_and_roll_back"))

    error = await failure(await prune(case))

    assert error
    assert error.type == REFUSED
    assert len(left(case)[0]) == 7


async def test_a_cancel_stops_it_before_the_next_removal(make_case: MakeCase) -> None:
    case = await make_case(parked=OLDER, retention=FOUR)

    async def cancel() -> None:
        await case.client.get_workflow_handle(case.lock).cancel()

    case.world.at("delete_launch_template", cancel)

    error = await failure(await prune(case))

    assert error
    assert error.type == DIRTY
    assert "a cancel in Temporal" in error.message
    assert len(left(case)[0]) == 7


def has_lost_a_group(status: dict[str, Any]) -> bool:
    return "Auto Scaling group" in [entry["kind"] for entry in status["ledger"] if entry["gone"]]


async def test_after_a_pause_everything_is_read_again(make_case: MakeCase) -> None:
    """What was surplus before the pause has an instance after it."""
    case = await make_case(parked=OLDER, retention=FOUR)

    async def pause() -> None:
        await case.says("pause")

    case.world.at("delete_empty_group", pause)
    handle = await prune(case)
    await case.until(lambda status: bool(status["paused"]) and has_lost_a_group(status))
    woken = case.group("v02")
    woken.max = woken.desired = 1
    case.settle()
    await case.says("resume")

    await handle.result()

    assert left(case)[0] == {"v02", "v04", "v05", "v06", "v1"}
    assert woken.name in case.account.template_images
    assert "ami-v02" in case.account.images
    assert len(case.world.named("find_deployments")) == 2


async def test_what_aws_refuses_is_left_and_keeps_nothing_else(make_case: MakeCase) -> None:
    case = await make_case(parked=OLDER, retention=FOUR)
    case.world.fail("delete_empty_group", AwsRefused("AWS refused AccessDenied: not authorized"))

    failed = await failure(await prune(case))

    assert failed
    assert failed.type == DIRTY
    assert "could not prune" in failed.message
    assert f"{case.stack.name}-v01 (v01): AWS refused AccessDenied" in failed.message
    assert left(case)[0] == {"v01", "v04", "v05", "v06", "v1"}


async def test_where_aws_does_not_answer_the_rest_is_left(make_case: MakeCase) -> None:
    case = await make_case(parked=OLDER, retention=FOUR)
    no_answer = ApplicationError("AWS did not answer for an hour", non_retryable=True)
    case.world.fail("delete_empty_group", no_answer)

    failed = await failure(await prune(case))

    assert failed
    assert failed.type == DIRTY
    assert len(left(case)[0]) == 7
    assert case.world.names()[-1] == "delete_empty_group"


async def test_a_dry_run_says_that_a_release_is_under_way(make_case: MakeCase) -> None:
    case = await make_case(approval=True)
    release = await case.release()
    await case.until_waiting()

    plan = await case.client.start_workflow(
        "PrunePlanWorkflow",
        {"stack": case.stack.name},
        id=f"prune-plan-{case.stack.name}",
        task_queue=case.task_queue,
    )

    assert (await plan.result())["under_way"]
    await case.says("approve_cutover")
    await release.result()
