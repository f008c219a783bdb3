"""A wait of more events than a run may have ends well: the server terminates what is longer."""

from __future__ import annotations

import pytest
from temporalio.client import Client

from tests.workflows.blueprint import STRATEGIES
from tests.workflows.case import Case, rolled_back
from tests.workflows.conftest import MOST_EVENTS, MakeCase, Mode

ABORT = "abort_and_roll_back"
LOOKS = {"poll": 0.05, "confirm": 0.05}


@pytest.fixture
def mode() -> Mode:
    return Mode(1_000, continued=True)


@pytest.fixture
def temporal(server_with_low_limits: Client) -> Client:
    return server_with_low_limits


async def events(case: Case) -> list[int]:
    """How many each of its runs has."""
    handles = [
        case.client.get_workflow_handle(workflow_id, run_id=run_id)
        for workflow_id, run_id in case.world.runs
    ]
    return [(await handle.describe()).history_length for handle in handles]


async def test_a_release_that_watches_for_long_is_continued_to_its_end(make_case: MakeCase) -> None:
    case = await make_case(timeouts=LOOKS | {"soak": 1.5})

    await (await case.release()).result()

    assert sum(await events(case)) > MOST_EVENTS


async def test_an_abort_in_a_later_run_rolls_back(make_case: MakeCase) -> None:
    weighted = STRATEGIES["weighted"]
    case = await make_case(load_balancer=weighted, timeouts=LOOKS | {"soak": 600.0})
    handle = await case.release()
    await case.until(lambda _: len(case.world.runs) > 3)

    await case.says(ABORT)

    await rolled_back(handle, "aborted by")
    assert sum(await events(case)) > MOST_EVENTS
