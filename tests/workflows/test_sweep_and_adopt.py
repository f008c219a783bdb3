"""What a dead release has left is cleared; a group that somebody made becomes the first blue."""

from __future__ import annotations

from domain import names
from domain.errors import REFUSED
from domain.models import State
from domain.sweep import Owned
from tests.workflows.account import LONG_AGO, ScalingGroup
from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import Case, failure
from tests.workflows.conftest import MakeCase

DEAD = names.owner("release-of-nobody", "run")


def leave_a_green(case: Case, *, attached: bool) -> ScalingGroup:
    """As a release that was terminated leaves it: it is as large as blue, and not healthy."""
    green = case.make("v2", State.SERVING, 1)
    for tag in (names.STATE, names.SERVED_AT):
        del green.tags[tag]
    green.tags[names.RELEASE] = DEAD
    for machine in green.machines:
        machine.fit = False
    if not attached:
        case.account.detach(green, case.world.arns)
    case.account.templates[green.name] = Owned(
        kind="launch template", id="lt-9", name=green.name, release=DEAD, created_at=LONG_AGO
    )
    case.settle()
    return green


async def sweep(case: Case) -> dict[str, list[str]]:
    handle = await case.start(
        "SweepWorkflow", workflow_id=f"sweep-{case.stack.name}", dry_run=False
    )
    (swept,) = await handle.result()
    assert swept["stopped"] == ""
    return {"cleared": swept["cleared"], "left": list(swept["left"])}


async def test_blue_comes_back_healthy_before_a_dead_green_goes(make_case: MakeCase) -> None:
    case = await make_case()
    green, blue = leave_a_green(case, attached=True), case.group("v1")
    blue.min, blue.tags[names.RESTORE_MIN] = 2, "1"
    blue.suspended, blue.tags[names.RESTORE_REBALANCE] = {"AZRebalance"}, "true"
    case.account.detach(blue, case.world.arns)
    case.settle()

    swept = await sweep(case)

    assert swept == {"cleared": [blue.name, green.name, blue.name], "left": []}
    assert case.account.groups == {blue.name: blue}
    assert (blue.min, blue.suspended, case.world.capacity()) == (1, set(), 2)
    assert green.name not in case.account.template_images


async def test_a_snapshot_whose_image_is_gone_is_deleted(make_case: MakeCase) -> None:
    case = await make_case()
    bake = names.owner("bake-app-v0-1234", "a-run")
    case.account.snapshots["snap-1"] = Owned(
        kind="snapshot", id="snap-1", name="snap-1", release=bake, created_at=LONG_AGO
    )

    assert await sweep(case) == {"cleared": ["snap-1"], "left": []}
    assert case.account.snapshots == {}


async def test_the_weights_go_back_to_what_serves(make_case: MakeCase) -> None:
    case = await make_case(load_balancer=STRATEGIES["weighted"])
    (rule,) = case.account.rules.values()
    half = {case.world.arns[0]: 50, case.world.arns[1]: 50}
    case.account.rules[rule.arn] = rule.model_copy(update={"weights": half})

    await sweep(case)

    (rule,) = case.account.rules.values()
    assert rule.weights == {case.world.arns[0]: 100, case.world.arns[1]: 0}


async def test_what_a_dead_rollback_woke_is_parked_again(make_case: MakeCase) -> None:
    case = await make_case(parked=["v0"])
    woken = case.group("v0")
    woken.min, woken.desired, woken.max = 2, 2, 6
    woken.tags[names.WOKEN_BY] = DEAD
    case.settle()

    await sweep(case)

    assert (woken.desired, woken.machines, woken.tags[names.WOKEN_BY]) == (0, [], "")


async def test_the_builder_of_a_dead_bake_goes_with_its_security_group(
    make_case: MakeCase,
) -> None:
    case = await make_case()
    builder = Owned(kind="instance", id="i-9", name="builder", release=DEAD, created_at=LONG_AGO)
    case.account.builders["token"] = builder
    case.account.builder_states["i-9"] = "running"
    case.account.security_groups["sg"] = Owned(
        kind="security group", id="sg-9", name="sg", release=DEAD
    )

    await sweep(case)

    assert (case.account.builders, case.account.security_groups) == ({}, {})


async def test_a_dry_run_tells_and_touches_nothing(make_case: MakeCase) -> None:
    case = await make_case()
    green = leave_a_green(case, attached=False)

    (swept,) = await (
        await case.start("SweepWorkflow", workflow_id=f"sweep-{case.stack.name}")
    ).result()

    assert [(f["action"], f["name"]) for f in swept["findings"]] == [("remove group", green.name)]
    assert set(case.world.names()) <= {
        *("read_stack", "list_stacks", "find_target_groups", "take_inventory"),
        *("which_run", "when_closed"),
    }


async def test_a_sweep_leaves_a_release_that_runs_alone(make_case: MakeCase) -> None:
    case = await make_case(approval=True)
    release = await case.release()
    await case.until_waiting()

    sweep_ = await case.client.start_workflow(
        "SweepWorkflow",
        {"stack": case.stack.name, "dry_run": False},
        id=f"sweep-{case.stack.name}",
        task_queue=case.task_queue,
    )
    (swept,) = await sweep_.result()

    assert "under way" in swept["stopped"]
    await case.says("approve_cutover")
    await release.result()


async def test_a_sweep_stops_itself_where_two_say_that_they_serve(make_case: MakeCase) -> None:
    case = await make_case(parked=["v0"])
    case.group("v0").tags[names.STATE] = State.SERVING

    handle = await case.start("SweepStackWorkflow")

    assert "2 groups say that they serve" in (await handle.result())["stopped"]


async def test_a_group_that_somebody_made_is_adopted_and_is_the_first_blue(
    make_case: MakeCase,
) -> None:
    case = await make_case()
    by_hand = case.group("v1")
    by_hand.tags = {"Name": "web"}
    request = {"group": by_hand.name, "tag": "v1", "requested_by": "tests"}

    adopted = await (await case.start("AdoptWorkflow", **request)).result()

    assert adopted["deployment"] == by_hand.name
    assert by_hand.tags[names.STATE] == State.SERVING
    assert case.world.names()[-1] == "mark"
    result = await (await case.release()).result()
    assert result["parked"] == by_hand.name
    assert (await (await case.rollback()).result())["deployment"] == by_hand.name


async def test_what_belongs_to_a_stack_already_is_not_adopted(make_case: MakeCase) -> None:
    case = await make_case()

    handle = await case.start("AdoptWorkflow", group=case.group("v1").name, tag="v1")

    error = await failure(handle)
    assert error
    assert error.type == REFUSED
    assert "is a deployment of" in error.message
