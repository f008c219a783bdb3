"""What a way back says while it goes on, and at its end."""

from __future__ import annotations

from tests.workflows.case import refusal, rolled_back
from tests.workflows.conftest import MakeCase


async def test_a_way_back_is_refused_no_abort_twice_and_no_cancel_ends_it(
    make_case: MakeCase,
) -> None:
    case = await make_case(timeouts={"healthy": 0.3})
    case.world.at("attach", lambda: setattr(case.group("v2"), "fit", False))
    said: list[str] = []

    async def ask() -> None:
        said.append(await refusal(case, "abort_and_roll_back"))
        await case.client.get_workflow_handle(case.lock).cancel(reason="enough")

    case.world.at("remove_group", ask)

    await rolled_back(await case.release(), f"{case.stack.name} serves v1 as before")

    assert said == ["it is being rolled back already"]
    assert any("had no effect" in note for note in (await case.status())["notes"])


async def test_a_first_deployment_that_is_aborted_leaves_nothing(make_case: MakeCase) -> None:
    case = await make_case(blue=None, approval=True)
    handle = await case.release()
    await case.until_waiting()

    await case.says("abort_and_roll_back")

    nothing = (
        f"{case.stack.name} serves nothing, as before (nobody answers), nothing is left behind"
    )
    await rolled_back(handle, f"aborted by an operator. Rolled back: {nothing}")
    status = await case.status()
    assert status["phase"] == "rolled_back"
    assert status["outcome"].endswith(nothing)
