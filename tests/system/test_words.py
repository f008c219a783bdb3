"""Messages in any order have one outcome: the table of docs/operations.md, sent to no worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from demo.processes import Process
from tests.stacks import StackUnderTest, Theatre, new_tags

pytestmark = pytest.mark.shared_images
ABORT, APPROVE, PAUSE, RESUME = "abort_and_roll_back", "approve_cutover", "pause", "resume"
BEFORE_THE_FIRST_TASK = [
    ((ABORT,), "Refused"),
    ((APPROVE, ABORT), "Refused"),
    ((ABORT, APPROVE), "Refused"),
    ((PAUSE, ABORT), "Refused"),
    ((APPROVE, APPROVE), "Completed"),
    ((PAUSE, APPROVE, RESUME), "Completed"),
    ((RESUME, APPROVE), "Completed"),
]
AT_THE_APPROVAL = [
    ((APPROVE, ABORT), "RolledBack"),
    ((ABORT, APPROVE), "RolledBack"),
    ((ABORT, ABORT), "RolledBack"),
    ((PAUSE, ABORT), "RolledBack"),
    ((PAUSE, APPROVE, RESUME), "Completed"),
    ((APPROVE, APPROVE), "Completed"),
    (("cancel",), "RolledBack"),
    ((APPROVE, "cancel"), "RolledBack"),
]


class Alone:
    """A task queue whose only worker can be absent."""

    def __init__(self, theatre: Theatre, queue: str) -> None:
        self.theatre, self.queue = theatre, queue
        self.worker: Process | None = None

    async def arrives(self) -> None:
        self.worker = await asyncio.to_thread(
            self.theatre.stage.start_worker, OVENBIRD_TASK_QUEUE=self.queue
        )

    def leaves(self) -> None:
        if self.worker:
            self.worker.kill()


@pytest.fixture
async def alone(theatre: Theatre, request: pytest.FixtureRequest) -> AsyncIterator[Alone]:
    alone = Alone(theatre, f"alone-{request.node.name}")
    yield alone
    alone.leaves()


async def ending(stack: StackUnderTest) -> str:
    handle = stack.theatre.client.get_workflow_handle(f"release-{stack.name}")
    result = await asyncio.gather(handle.result(), return_exceptions=True)
    cause = getattr(result[0], "cause", None)
    return str(getattr(cause, "type", "Completed"))


async def say(stack: StackUnderTest, words: tuple[str, ...]) -> None:
    handle = stack.theatre.client.get_workflow_handle(f"release-{stack.name}")
    for word in words:
        await (handle.cancel() if word == "cancel" else handle.signal(word, {"by": "ann"}))


def stacks_for(make_stack: Callable[..., StackUnderTest], count: int) -> list[StackUnderTest]:
    stacks = [make_stack(top="approval = true") for _ in range(count)]
    new_tags(stacks[0], "v1")
    return stacks


async def start(stack: StackUnderTest, queue: str) -> None:
    request = {"stack": stack.name, "tag": "v1", "requested_by": "tests"}
    await stack.theatre.client.start_workflow(
        "ReleaseWorkflow", request, id=f"release-{stack.name}", task_queue=queue
    )


async def test_words_before_the_first_task(
    make_stack: Callable[..., StackUnderTest], alone: Alone
) -> None:
    stacks = stacks_for(make_stack, len(BEFORE_THE_FIRST_TASK))
    for stack, (words, _) in zip(stacks, BEFORE_THE_FIRST_TASK, strict=True):
        await start(stack, alone.queue)
        await say(stack, words)
    await alone.arrives()

    assert await asyncio.gather(*(ending(stack) for stack in stacks)) == [
        ended for _, ended in BEFORE_THE_FIRST_TASK
    ]


async def test_words_in_one_instant_at_the_approval(
    make_stack: Callable[..., StackUnderTest], alone: Alone
) -> None:
    """While no worker is up they wait. All of them arrive in one workflow task."""
    stacks = stacks_for(make_stack, len(AT_THE_APPROVAL))
    await alone.arrives()
    for stack in stacks:
        await start(stack, alone.queue)
    for stack in stacks:
        await stack.until_phase("waiting_approval")
    alone.leaves()
    for stack, (words, _) in zip(stacks, AT_THE_APPROVAL, strict=True):
        await say(stack, words)
    await alone.arrives()

    assert await asyncio.gather(*(ending(stack) for stack in stacks)) == [
        ended for _, ended in AT_THE_APPROVAL
    ]
