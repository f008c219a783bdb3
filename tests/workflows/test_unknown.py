"""A workflow type that does not exist ends at once, whatever comes with it."""

from __future__ import annotations

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from domain.errors import REFUSED
from tests.workflows.case import failure
from tests.workflows.conftest import MakeCase

NONSENSE = RawValue(Payload(metadata={"encoding": b"binary/of-another-world"}, data=b"\xff\x00"))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"stack": "x"}, id="JSON"),
        pytest.param(NONSENSE, id="another encoding"),
        pytest.param(RawValue(Payload()), id="no encoding"),
    ],
)
async def test_a_type_that_does_not_exist_holds_no_lock(make_case: MakeCase, value: object) -> None:
    case = await make_case()
    handle = await case.client.start_workflow(
        "DeployWorkflow",
        args=[value, value],
        id=case.lock,
        task_queue=case.task_queue,
        start_signal="abort_and_roll_back",
        start_signal_args=[NONSENSE],
    )

    failed = await failure(handle)

    assert failed
    assert failed.type == REFUSED
    assert "no workflow type 'DeployWorkflow'" in failed.message
    assert "ReleaseWorkflow, RollbackWorkflow" in failed.message
    assert (await handle.query("status"))["phase"] == "refused"
    await (await case.release()).result()
