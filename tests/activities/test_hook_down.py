"""A hook that is down is asked until its timeout, but in a rollback a few times only."""

from __future__ import annotations

import dataclasses

import pytest
from temporalio.testing import ActivityEnvironment

from activities.hooks import BRIEF_TRIES, Hooks, RunHook
from domain.config import Hook
from domain.errors import HookRefused, NotReady
from tests.activities.replies import Replies

# Nobody listens on the port for discarding.
DOWN = Hook(name="budget", when="pre_cutover", url="http://127.0.0.1:9/")


def call(attempt: int, *, brief: bool) -> None:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, attempt=attempt)
    request = RunHook(region="eu-west-1", hook=DOWN, delivery="1", about={}, brief=brief)
    environment.run(Hooks(Replies().aws).run_hook, request)


@pytest.mark.parametrize(
    ("attempt", "brief", "outcome"),
    [(1, True, NotReady), (BRIEF_TRIES, True, HookRefused), (BRIEF_TRIES, False, NotReady)],
)
def test_a_hook_that_is_down_is_given_up_where_nothing_waits_for_it(
    attempt: int, brief: bool, outcome: type[Exception]
) -> None:
    with pytest.raises(Exception, match="the hook budget cannot be reached at") as caught:
        call(attempt, brief=brief)

    assert outcome.__name__ in (type(caught.value).__name__, getattr(caught.value, "type", ""))
